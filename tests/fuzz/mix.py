"""What a body of hostile streams has to contain before "no difference" says anything."""

from typing import Final

from kirmash.messages.rejects import Reason
from tests.fuzz.play import Mix

WANTED_EVENTS: Final = (
    "deal_made",
    "uncrossed",
    "uncrossed_without_price",
    "order_cancelled self_trade",
    "order_cancelled admission",
    "order_parked",
    "paradoxically_rejected",
    "orders_expired",
    "deal_released",
    "withdrawal_paid",
)
COMMANDS_PER_KIND: Final = 100_000


def check_mix(mix: Mix) -> list[str]:
    """What is missing: at least 40 % accepted, each wanted event and each reason once per 100,000 commands."""
    problems = []
    if mix.accepted * 100 < 40 * mix.commands:
        problems.append(f"only {mix.accepted} of {mix.commands} commands were accepted")
    wanted = max(1, mix.commands // COMMANDS_PER_KIND)
    problems += [f"event {name}: {mix.events[name]} < {wanted}" for name in WANTED_EVENTS if mix.events[name] < wanted]
    problems += [
        f"reason {reason.text}: {mix.reasons[reason.text]} < {wanted}"
        for reason in Reason
        if mix.reasons[reason.text] < wanted
    ]
    return problems
