"""One exchange with pages a module; its tests share it and leave it able to trade."""

from collections.abc import Iterator

import pytest

from tests.web_terminal.house import TradersHouse


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersHouse]:
    made = TradersHouse(tmp_path_factory.mktemp("traders"))
    with made:
        made.people()
        made.prepare()
        made.priced()
        made.settled()
        yield made
