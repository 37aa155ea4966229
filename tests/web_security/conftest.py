"""One exchange a module whose every text, wherever somebody may write one, does harm where it is not escaped."""

from collections.abc import Iterator

import pytest

from tests.web_security.hostile import HostileHouse


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostileHouse]:
    made = HostileHouse(tmp_path_factory.mktemp("hostile"))
    with made:
        made.people()
        made.hostile()
        made.settled()
        yield made
