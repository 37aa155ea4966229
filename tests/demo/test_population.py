"""The demo's people: as many as the reference data tells, invented as said, and always the same of one seed."""

import asyncio
from pathlib import Path

import pytest

from kirmash import data
from kirmash.core.process import Core
from kirmash.core.settings import CoreSettings
from kirmash.demo.host import Host
from kirmash.demo.live import config_of
from kirmash.journal.reader import Reader
from kirmash.market.choice import market_loader
from kirmash.messages import codec
from kirmash.messages import commands as c
from kirmash.messages.events import CommandRejected
from kirmash.serve import open_folder
from kirmash.simulation.population import HOME, VISITORS, populate
from kirmash.simulation.replay import PURPOSE


def fill(path: Path, seed: int) -> None:
    """Populate a new folder at a clock that stands still."""

    async def run() -> None:
        folder = open_folder(config_of(path, "reference", seed, 0))
        core = Core(folder, CoreSettings(load_market=market_loader("reference"), clock=lambda: (10, 5)), "reference")
        await core.start()
        host = Host(core, seed)
        await host.start()
        await host.stop()
        await core.stop()
        folder.close()

    asyncio.run(run())


def head_of(path: Path) -> str:
    with Reader(path / "journal.db") as reader:
        return reader.head().hash


def test_a_seed_has_one_journal(tmp_path: Path) -> None:
    """Records, times and batches: the head is over all of them. The seed is in the exchange's id and in the people."""
    fill(tmp_path / "a", 4)
    fill(tmp_path / "b", 4)
    fill(tmp_path / "c", 5)
    assert head_of(tmp_path / "a") == head_of(tmp_path / "b") != head_of(tmp_path / "c")


def test_a_second_start_gives_nothing_twice(tmp_path: Path) -> None:
    fill(tmp_path / "a", 4)
    before = head_of(tmp_path / "a")
    fill(tmp_path / "a", 4)
    assert head_of(tmp_path / "a") == before


def test_nothing_of_it_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "a", 1)
    with Reader(tmp_path / "a" / "journal.db") as reader:
        for _, record, _ in reader.records():
            for event in codec.decode_events(codec.decode_record(record).events):
                assert not isinstance(event, CommandRejected), event


@pytest.mark.parametrize("seed", [1, 99])
def test_countries_are_those_of_the_reference_data_scaled(seed: int) -> None:
    """One of a hundred accredited companies, and half of the brokers, both rounded up."""
    companies = [it for it in populate(seed).companies if not it.participant.startswith("demo-")]
    for row in data.participants_by_country():
        of = [it for it in companies if it.country == row.country]
        assert sum(not it.broker for it in of) == -(-(row.accredited or 0) // 100)
        assert sum(it.broker for it in of) == -(-(row.brokers or 0) // 2)
    assert {it.country for it in companies} <= {row.country for row in data.participants_by_country()} | {HOME}


def test_every_name_says_that_it_is_invented() -> None:
    names = [it.name for it in populate(1).companies]
    names += [name for it in populate(1).companies for _, name in it.clients]
    assert len(names) > 150
    assert all(name.endswith(" (invented)") for name in names)


def test_nobody_may_trade_in_the_historical_session() -> None:
    """Visitors have every other permission of their part; the historical purpose is granted to no one here."""
    grants = [it for it in populate(1).commands() if isinstance(it, c.GrantPermission)]
    assert all(it.purpose != PURPOSE for it in grants)
    of_visitors = {(it.participant, it.side.name) for it in grants if it.participant.startswith("demo-")}
    assert of_visitors == {
        ("demo-buyer", "BUY"),
        ("demo-seller", "SELL"),
        ("demo-broker", "BUY"),
        ("demo-broker", "SELL"),
    }
    assert {it.part for it in VISITORS} == {"buyer", "seller", "broker", "operator", "auditor"}


def test_each_company_sits_at_one_series_at_most() -> None:
    """Its account is moved by one head, so what it reckons of its deposit is true."""
    for seed in range(20):
        seats = populate(seed).seats
        assert len({it.participant for it in seats}) == len(seats)
        assert not any(it.participant.startswith("demo-") for it in seats)
