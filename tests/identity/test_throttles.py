"""Throttles: what is let through, what the fields say, and that nobody is locked out for good."""

import pytest

from kirmash.identity import Allowance, LoginFailed, Rate, Settings, Throttled
from kirmash.identity.throttles import Buckets, LoginThrottle, network_of
from tests.identity.made import ADDRESS, HandClock, House, Signer


def buckets(clock: HandClock, entries: int = 1000) -> Buckets:
    return Buckets("commands", clock, entries)


def test_a_burst_then_one_a_second() -> None:
    clock = HandClock()
    made, rate = buckets(clock), Rate(1, 5)
    assert [made.take("a", rate).allowed for _ in range(7)] == [True] * 5 + [False] * 2
    clock.pass_seconds(1)
    assert [made.take("a", rate).allowed for _ in range(2)] == [True, False]
    clock.pass_seconds(3600)
    assert [made.take("a", rate).allowed for _ in range(6)] == [True] * 5 + [False]


def test_the_answers_say_limit_rest_and_reset() -> None:
    clock = HandClock()
    made, rate = buckets(clock), Rate(1, 5)
    first = made.take("a", rate, 3)
    assert first == Allowance("commands", True, limit=5, remaining=2, reset=3, window=5, retry_after=0)
    assert first.headers() == {"RateLimit-Policy": '"commands";q=5;w=5', "RateLimit": '"commands";r=2;t=3'}
    refused = made.take("a", rate, 4)
    assert (refused.allowed, refused.remaining, refused.reset, refused.retry_after) == (False, 2, 3, 2)
    assert refused.headers()["Retry-After"] == "2"
    clock.pass_seconds(2)
    assert made.take("a", rate, 4).allowed


def test_what_is_more_than_the_burst_is_never_allowed_and_costs_nothing() -> None:
    made, rate = buckets(HandClock()), Rate(1, 5)
    refused = made.take("a", rate, 6)
    assert (refused.allowed, refused.remaining, refused.retry_after) == (False, 5, None)
    assert "Retry-After" not in refused.headers()
    assert made.take("a", rate, 5).allowed


def test_two_hundred_a_second_are_exact() -> None:
    clock = HandClock()
    made, rate = buckets(clock), Rate(200, 400)
    assert made.take("a", rate, 400).allowed
    assert not made.take("a", rate).allowed
    clock.pass_seconds(1)
    assert sum(made.take("a", rate).allowed for _ in range(300)) == 200


def test_the_memory_is_bounded_and_full_buckets_go_first() -> None:
    clock = HandClock()
    made, rate = buckets(clock, 10), Rate(1, 5)
    for key in range(1000):
        made.take(key, rate)
    assert len(made._full_at) <= 10
    clock.pass_seconds(60)
    made.take("a", rate)
    assert len(made._full_at) == 1


def test_sessions_and_keys_of_a_login_have_their_own_allowance(house: House) -> None:
    login = house.make("anna").login.id
    first, second = house.enter("anna").who, house.enter("anna").who
    assert [house.identity.throttle(first).allowed for _ in range(3)] == [True] * 3
    assert [house.identity.throttle(second).allowed for _ in range(3)] == [True, True, False]
    signer = Signer(house, login)
    headers = signer.headers(body=b"", components=("@method", "@target-uri"))
    who = house.identity.verify_signature("POST", "/api/v1/commands/place_order?dry_run=true", headers, b"")
    assert house.identity.throttle(who, 100).limit == 400


def tries(house: House, count: int, address: str = ADDRESS, name: str = "anna") -> list[str]:
    answers = []
    for _ in range(count):
        try:
            house.enter(name, password="not this one", address=address)
        except (LoginFailed, Throttled) as refused:
            answers.append(type(refused).__name__)
    return answers


def test_the_delay_grows_with_each_wrong_password(house: House) -> None:
    house.make("anna")
    assert tries(house, 3) == ["LoginFailed"] * 3
    delays = []
    for _ in range(12):
        with pytest.raises(Throttled) as refused:
            house.enter("anna")
        delays.append(refused.value.retry_after or 0)
        assert refused.value.headers["Retry-After"] == str(delays[-1])
        house.clock.pass_seconds(delays[-1])
        assert tries(house, 1) == ["LoginFailed"]
    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]


def test_success_ends_the_delays(house: House) -> None:
    house.make("anna")
    tries(house, 3)
    house.clock.pass_seconds(1)
    house.enter("anna")
    assert tries(house, 3) == ["LoginFailed"] * 3


def test_unknown_names_are_throttled_like_known_ones(house: House) -> None:
    house.make("anna")
    known = tries(house, 6)
    assert tries(house, 6, name="nobody") == known


def test_one_address_cannot_try_many_names(house: House) -> None:
    answers = [tries(house, 1, name=f"name{number}")[0] for number in range(40)]
    assert answers == ["LoginFailed"] * 30 + ["Throttled"] * 10
    assert tries(house, 1, address="192.0.2.8", name="name99") == ["LoginFailed"]


def test_many_addresses_cannot_try_one_name_but_its_owner_still_comes_in(house: House) -> None:
    """A login is never locked by strangers: where its owner came in before, he is not delayed by them."""
    house.make("anna")
    house.enter("anna", address="198.51.100.1")
    answers = [tries(house, 1, address=f"203.0.113.{number}")[0] for number in range(40)]
    assert answers.count("Throttled") >= 15
    house.enter("anna", address="198.51.100.1")
    for _ in range(30):  # and from a new address, as soon as the strangers rest for some seconds
        house.clock.pass_seconds(10)
    house.enter("anna", address="198.51.100.77")


def test_every_delay_ends(house: House) -> None:
    house.make("anna")
    for _ in range(50):
        tries(house, 1)
        house.clock.pass_seconds(900)
    house.enter("anna")


def test_many_tries_at_once_do_not_slip_through() -> None:
    """A try is counted before it is known to be wrong."""
    throttle = LoginThrottle(HandClock(), Settings())
    for _ in range(3):
        throttle.begin("anna", ADDRESS)
    with pytest.raises(Throttled):
        throttle.begin("anna", ADDRESS)


def test_the_owners_address_gives_a_stranger_beside_him_a_minute_at_most() -> None:
    clock = HandClock()
    throttle = LoginThrottle(clock, Settings())
    throttle.begin("anna", ADDRESS)
    throttle.succeeded("anna", ADDRESS)
    for _ in range(20):
        throttle.begin("anna", ADDRESS)
        clock.pass_seconds(60)
    throttle.begin("anna", ADDRESS)


@pytest.mark.parametrize(
    "address, network",
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix", "unix"),
    ],
)
def test_what_counts_as_one_address(address: str, network: str) -> None:
    assert network_of(address) == network


def test_the_defaults_are_the_rules() -> None:

    assert Settings().manual == Rate(1, 5)
    assert Settings().keys.tokens == 200
