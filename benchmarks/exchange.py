"""A whole exchange for measurements: a data folder, its writer, and the market workload as commands from outside."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from benchmarks.workload import USERS, Workload, command_of
from kirmash.journal.folder import Folder
from kirmash.journal.sqlite import Journal
from kirmash.market.choice import market_loader
from kirmash.messages import commands as c
from kirmash.messages.codec import OPERATOR, Actor
from kirmash.messages.fields import Basis
from kirmash.messages.kinds import ActorKind, Mechanism, ParticipantKind, Phase, SelfTrade, Side
from kirmash.sequencer.answers import Answer
from kirmash.sequencer.writer import Writer

OFFICE_EVERY: Final = 20
"""One command in twenty goes to the office: 5 %."""

Given = tuple[Actor, c.Command]


def open_exchange(path: Path, snapshot_every: int = 10**9) -> tuple[Folder, Writer]:
    """A new exchange with the workload's thousand traders and a session in TRADING."""
    folder = Folder.create(path)
    Journal.create(folder.journal, "bench").close()
    writer = Writer(folder, market_loader(None), snapshot_every=snapshot_every)
    writer.start()
    submit(writer, list(_setting()), "set", 1_000)
    return folder, writer


def submit(writer: Writer, given: Sequence[Given], prefix: str, batch: int) -> None:
    """Hand in so many at a time and wait for their durable answers before the next."""
    for start in range(0, len(given), batch):
        answers: list[Future[Answer]] = [
            writer.submit(actor, "bench", f"{prefix}-{start + place}", command)
            for place, (actor, command) in enumerate(given[start : start + batch])
        ]
        for answer in answers:
            answer.result()


def trading(work: Workload) -> list[Given]:
    """The workload as commands of its traders, with 5 % office commands between."""
    given: list[Given] = []
    for position, step in enumerate(work.steps):
        given.append((Actor(ActorKind.TRADER, f"t{step.user}"), command_of(step)))
        if position % OFFICE_EVERY == 0:
            given.append((OPERATOR, _permission(step.user, Side.BUY)))
    return given


def _permission(user: int, side: Side) -> c.Command:
    return c.GrantPermission(participant=f"p{user}", section="metal", side=side, purpose="export")


def _setting() -> Iterator[Given]:
    for command in _commands():
        yield OPERATOR, command


def _commands() -> Iterator[c.Command]:
    yield c.ListCard(card="c", version=1, section="metal", name_en="x", name_ru="x", hs_code="7214", unit="TNE")
    yield c.ListInstrument(
        instrument="i",
        card="c",
        version=1,
        basis=Basis(incoterm="FCA", place="Minsk"),
        currency="EUR",
        payment_term="prepaid",
        purpose="export",
        lot="1",
        tick="0.01",
    )
    for user in range(USERS):
        participant = f"p{user}"
        yield c.RegisterParticipant(
            participant=participant, name="x", country="BY", resident=True, kinds=(ParticipantKind.VISITOR,)
        )
        yield c.AccreditParticipant(participant=participant)
        for side in Side:
            yield _permission(user, side)
        yield c.AppointTrader(trader=f"t{user}", participant=participant)
        yield c.CreditDeposit(participant=participant, currency="EUR", amount="9000000000000.00")
    plan = (Phase.INTAKE, Phase.TRADING, Phase.CLOSING, Phase.CLOSED)
    yield c.CreateSession(
        session="s",
        section="metal",
        purpose="export",
        mechanism=Mechanism.CDCA,
        instruments=(c.SessionInstrument(instrument="i"),),
        phases=tuple(c.PlannedPhase(phase=phase, at=(n, 0)) for n, phase in enumerate(plan)),
        self_trade=SelfTrade.ALLOW,
        deposit=tuple(
            c.DepositRate(side=side, resident=True, currency="EUR", rate_ppm=2_000, floor="0.20") for side in Side
        ),
    )
    yield c.ChangePhase(session="s", from_=Phase.INTAKE, to=Phase.TRADING)
