"""One prepared exchange a module and market: the tests of a module share it and leave it able to trade."""

from collections.abc import Iterator

import pytest

from tests.gateway.house import House

MARKETS = [pytest.param("native", marks=pytest.mark.native), "reference"]


@pytest.fixture(scope="module", params=MARKETS)
def house(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("house"), request.param) as made:
        made.people()
        made.prepare()
        yield made
