"""What a body of hostile streams has to contain before "no difference" says anything."""

from typing import Final

from kirmash.messages.rejects import Reason
from tests.fuzz.play import STATE_ALWAYS_BELOW, Mix

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


def check_deep(mix: Mix) -> list[str]:
    """What deep streams lack: more than 2,000 open orders after a third of the commands, and what moves them."""
    problems = []
    if mix.most_open <= STATE_ALWAYS_BELOW:
        problems.append(f"at most {mix.most_open} orders were open")
    if mix.deep_commands * 3 < mix.commands:
        problems.append(f"in {mix.deep_commands} of {mix.commands} commands only were so many orders open (PS-8.5)")
    problems += [
        f"event {name}: {mix.events[name]} in {mix.commands} commands"
        for name, per_thousand in (("deal_made", 20), ("order_parked", 10), ("order_amended", 10), ("uncrossed", 0))
        if mix.events[name] * 1_000 <= per_thousand * mix.commands
    ]
    return problems
