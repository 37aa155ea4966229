"""One exchange with the desk a module."""

from collections.abc import Iterator

import pytest

from tests.web_desk.house import RecordsHouse


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RecordsHouse]:
    made = RecordsHouse(tmp_path_factory.mktemp("desk"))
    with made:
        made.people()
        made.prepare()
        made.settled()
        yield made
