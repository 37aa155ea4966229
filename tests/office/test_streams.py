"""Random streams of office commands: what holds after every command, whatever was given (market-rules PS-0, PS-3.3).

The streams are drawn from few ids, and some begin in an office that is furnished already, so that most commands meet
something that is there; the last test proves that they do.
"""

from collections import Counter
from collections.abc import Iterator

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kirmash.messages import codec, commands
from kirmash.messages.codec import OPERATOR, TIMETABLE, Actor
from kirmash.messages.commands import Command
from kirmash.messages.events import CommandRejected, Event
from kirmash.messages.kinds import OpenOrders, ParticipantKind, Side
from kirmash.office import Office
from kirmash.office.reactors import react
from tests.office.desk import (
    NOON,
    REACTOR,
    accredit,
    annul,
    appoint,
    cancel,
    confirm,
    credit,
    grant,
    list_card,
    list_instrument,
    open_contracts,
    perform,
    person,
    record_profile,
    register,
    register_client,
    reinstate,
    request,
    revoke,
    rightful,
    settle,
    suspend,
    terminate,
    trader,
    withdraw_trader,
)

PARTICIPANTS = st.sampled_from(["ant", "bee", "fox"])
CLIENTS = st.sampled_from(["cat", "dog", "eel"])
TRADERS = st.sampled_from(["tom", "una", "operator"])
WITHDRAWALS = st.sampled_from(["w-1", "w-2", "w-3"])
DEALS = st.integers(1, 5)
PERSONS = st.sampled_from([person(1), person(2)])
OPEN_ORDERS = st.sampled_from(OpenOrders)
AMOUNTS = st.sampled_from(["1", "0.01", "0.001", "999999999999999.99"])
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD"])
VERSIONS = st.sampled_from([1, "1", 2])
RIGHTS = {
    "participant": PARTICIPANTS,
    "section": st.sampled_from(["forest", "metal"]),
    "side": st.sampled_from(Side),
    "purpose": st.sampled_from(["export", "domestic"]),
}
MONEY = {
    "participant": PARTICIPANTS,
    "client": st.none() | CLIENTS,
    "currency": CURRENCIES,
    "amount": AMOUNTS,
}

COMMANDS: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        register,
        PARTICIPANTS,
        kinds=st.lists(st.sampled_from(ParticipantKind), min_size=1, max_size=3).map(tuple),
        resident=st.booleans(),
        group=st.none() | st.just("hive"),
    ),
    st.builds(accredit, PARTICIPANTS),
    st.builds(suspend, PARTICIPANTS, OPEN_ORDERS),
    st.builds(reinstate, PARTICIPANTS),
    st.builds(register_client, CLIENTS, PARTICIPANTS),
    st.builds(grant, **RIGHTS),
    st.builds(revoke, **RIGHTS),
    st.builds(appoint, TRADERS, PARTICIPANTS),
    st.builds(withdraw_trader, TRADERS, OPEN_ORDERS),
    st.builds(list_card, st.sampled_from(["pine", "oak"]), VERSIONS),
    st.builds(
        list_instrument,
        st.sampled_from(["i-1", "i-2"]),
        card=st.sampled_from(["pine", "oak"]),
        version=VERSIONS,
        tick=st.sampled_from(["0.01", "0.001", "5", "0"]),
        lot=st.sampled_from(["1", "10", "2000"]),
        currency=CURRENCIES,
    ),
    st.builds(credit, **MONEY),
    st.builds(request, WITHDRAWALS, **MONEY),
    st.builds(settle, WITHDRAWALS, st.booleans()),
    st.builds(confirm, WITHDRAWALS),
    st.builds(cancel, WITHDRAWALS),
    st.lists(DEALS, min_size=1, max_size=3).map(lambda deals: open_contracts(*deals)),
    st.builds(perform, DEALS),
    st.builds(terminate, DEALS),
    st.builds(annul, DEALS),
    st.builds(record_profile, PERSONS, st.sampled_from(["ab" * 32, "cd" * 32]), st.none() | TRADERS),
)
STRANGERS = st.sampled_from([trader("tom"), trader("zoe"), TIMETABLE, OPERATOR, REACTOR])

Step = tuple[Command, Actor]


@st.composite
def steps(draw: st.DrawFn) -> Step:
    """A command, mostly by the one who may give it."""
    command = draw(COMMANDS)
    return command, (draw(STRANGERS) if draw(st.integers(0, 19)) == 0 else rightful(command))


FURNITURE: list[Step] = [
    (command, rightful(command))
    for command in (
        register("ant"),
        register("bee"),
        register_client("cat", "bee"),
        appoint("tom", "ant"),
        list_card("pine", 1),
        open_contracts(1, 2),
        request("w-1", "ant"),
        request("w-2", "bee", client="cat"),
        settle("w-2"),
    )
]
STREAMS = st.builds(list.__add__, st.sampled_from([[], FURNITURE]), st.lists(steps(), min_size=20, max_size=60))


def play(office: Office, stream: list[Step], number: int = 0) -> Iterator[tuple[Command, tuple[Event, ...]]]:
    """Each command with its events."""
    for count, (command, actor) in enumerate(stream, start=number + 1):
        yield command, office.apply(count, NOON, actor, command)


@given(STREAMS)
@settings(max_examples=200)
def test_a_reject_is_one_event_in_order_and_changes_no_byte(stream: list[Step]) -> None:
    """PS-3.2, PS-3.3: reasons of one stage, strictly ascending; the state is what it was."""
    office = Office()
    before = office.state()
    for _, made in play(office, stream):
        after = office.state()
        if isinstance(made[0], CommandRejected):
            assert len(made) == 1
            assert after == before
            reasons = [refusal.reason for refusal in made[0].reasons]
            assert reasons
            assert reasons == sorted(set(reasons))
            assert len({reason.stage for reason in reasons}) == 1
            assert reasons[0].stage < 4, "money is the market's"
        before = after


@given(STREAMS)
@settings(max_examples=100)
def test_an_accepted_command_gives_its_one_event_with_its_fields(stream: list[Step]) -> None:
    """PS-0: office commands give one event each with the command's fields; open_contracts one a deal."""
    for command, made in play(Office(), stream):
        if isinstance(made[0], CommandRejected):
            continue
        if isinstance(command, commands.OpenContracts):
            assert [msgspec.structs.asdict(event) for event in made] == [{"deal": t.deal} for t in command.deals]
        else:
            (event,) = made
            given_fields = msgspec.structs.asdict(command)
            given_fields.pop("held", None)
            assert msgspec.structs.asdict(event) == given_fields


@given(STREAMS, STREAMS)
@settings(max_examples=100)
def test_an_office_goes_on_from_its_bytes(first: list[Step], second: list[Step]) -> None:
    """state() → Office(state) → state() is the same, and both give the same events and follow-ups from there."""
    office = Office()
    for _ in play(office, first):
        pass
    state = office.state()
    loaded = Office(state)
    assert loaded.state() == state
    for (command, made), (_, again) in zip(
        play(office, second, len(first)), play(loaded, second, len(first)), strict=True
    ):
        assert codec.encode(made) == codec.encode(again)
        assert list(react(1, command, made, office)) == list(react(1, command, again, loaded))
        assert office.state() == loaded.state()


@given(STREAMS)
@settings(max_examples=100)
def test_events_and_follow_ups_survive_their_bytes(stream: list[Step]) -> None:
    """What the journal keeps, read again, is what was decided; a refused command asks for nothing."""
    office = Office()
    for number, (command, made) in enumerate(play(office, stream), start=1):
        assert codec.decode_command(codec.encode(command)) == command
        assert codec.decode_events(codec.encode(made)) == made
        found = list(react(number, command, made, office))
        if isinstance(made[0], CommandRejected):
            assert found == []
        for _, _, follow_up in found:
            assert codec.decode_command(codec.encode(follow_up)) == follow_up


@given(STREAMS)
@settings(max_examples=50)
def test_rejects_may_be_left_out_of_history(stream: list[Step]) -> None:
    """PS-3.3: the accepted commands alone lead to the same bytes."""
    office = Office()
    accepted = [
        (command, actor)
        for (command, actor), (_, made) in zip(stream, play(office, stream), strict=True)
        if not isinstance(made[0], CommandRejected)
    ]
    quiet = Office()
    for _, made in play(quiet, accepted):
        assert not isinstance(made[0], CommandRejected)
    assert quiet.state() == office.state()


REACHED = (
    *("unknown_actor", "actor_may_not", "unknown_client", "unknown_participant", "unknown_trader", "unknown_card"),
    *("unknown_deal", "unknown_withdrawal", "already_exists", "client_not_admitted", "contract_not_open"),
    *("withdrawal_not_open", "not_whole_minor_units", "withdrawal_ready", "withdrawal_refused", "withdrawal_confirmed"),
    *("withdrawal_cancelled", "contract_performed", "deal_annulled", "instrument_listed", "trader_withdrawn"),
    "profile_recorded",
)


def test_the_streams_reach_every_reason_of_the_office() -> None:
    """A property over streams that never get there would show nothing."""
    found: Counter[str] = Counter()

    @given(STREAMS)
    @settings(max_examples=200)
    def count(stream: list[Step]) -> None:
        for _, made in play(Office(), stream):
            for event in made:
                if isinstance(event, CommandRejected):
                    found.update(refusal.reason.text for refusal in event.reasons)
                else:
                    found[codec.name_of(type(event))] += 1

    count()
    furnished = [codec.name_of(type(event)) for _, made in play(Office(), FURNITURE) for event in made]
    assert "command_rejected" not in furnished
    assert [name for name in REACHED if found[name] < 5] == []
