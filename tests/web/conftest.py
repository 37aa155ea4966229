"""One prepared exchange a worker: the tests only read it, or leave it able to be read."""

import importlib.util
from collections.abc import Iterator

import pytest

from tests.web.exchange import Exchange


@pytest.fixture(scope="session")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Exchange]:
    built = importlib.util.find_spec("kirmash_market") is not None
    with Exchange(tmp_path_factory.mktemp("exchange"), "native" if built else "reference") as made:
        made.people()
        made.today()
        yield made
