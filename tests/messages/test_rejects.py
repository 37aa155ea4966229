"""The list of reject reasons is closed, ordered and explained in two languages (market-rules PS-0, PS-3).

The numbers below are copied from the rule by hand: a reason that is renumbered, renamed or lost is found here.
"""

import re
from pathlib import Path

import pytest

from kirmash.messages.explanations import EXPLANATIONS
from kirmash.messages.rejects import Explanation, Reason

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

RULE_NUMBERS = {
    1: "unknown_actor actor_may_not unknown_session unknown_instrument unknown_order unknown_client "
    "unknown_participant unknown_trader unknown_card unknown_deal unknown_withdrawal already_exists",
    2: "not_admitted client_not_admitted authority_missing phase_forbids phase_moved_on phase_change_illegal "
    "entries_exceeded order_not_open not_owner contract_not_open withdrawal_not_open",
    3: "price_out_of_range quantity_out_of_range value_too_large price_off_grid quantity_off_grid band_exceeded "
    "order_too_large minimum_above_quantity conditional_not_allowed conditional_orders_full time_in_force_not_now "
    "until_not_in_session own_opposite_order total_not_above_filled no_change not_whole_minor_units terms_disagree "
    "limit_exceeded",
    4: "deposit_short",
}

CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
TEXTS = ("text_en", "cure_en", "text_ru", "cure_ru")


def test_numbers_names_and_stages_are_those_of_the_rule() -> None:
    """PS-0 gives each reason a number whose hundreds are its stage; they run from 1 without gaps."""
    expected = {
        stage * 100 + place: (name, stage)
        for stage, names in RULE_NUMBERS.items()
        for place, name in enumerate(names.split(), start=1)
    }
    assert {reason.value: (reason.text, reason.stage) for reason in Reason} == expected


def test_the_rule_page_names_the_same_numbers() -> None:
    """The page that readers hold us to and the enumeration say the same."""
    page = (REFERENCE / "market-rules.md").read_text(encoding="utf-8")
    start = page.index("**Reject reasons**")
    listed = re.findall(r"\b([1-4]\d\d) ([a-z_]+)", page[start : page.index("**Words.**", start)])
    assert [(str(reason.value), reason.text) for reason in Reason] == listed


def test_reasons_are_declared_in_the_order_of_their_numbers() -> None:
    """Rejects are reported ascending; the list reads in that order, and no number has a second name."""
    numbers = [reason.value for reason in Reason]
    assert numbers == sorted(set(numbers))
    assert len(Reason.__members__) == len(numbers)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.text)
def test_the_wire_name_leads_back_to_the_reason(reason: Reason) -> None:
    """What a reader finds in JSON is enough to find the reason again."""
    assert Reason[reason.text.upper()] is reason
    assert re.fullmatch("[a-z]+(_[a-z]+)*", reason.text)


def test_every_reason_is_explained_in_the_order_of_the_list() -> None:
    """No reason without an explanation, and none for what is no reason."""
    assert list(EXPLANATIONS) == list(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.text)
def test_each_text_is_a_sentence_in_its_language(reason: Reason) -> None:
    """Russian is Russian and English is English; sentences end, and hold no placeholders: limits stand beside them."""
    explanation = EXPLANATIONS[reason]
    for name in TEXTS:
        text: str = getattr(explanation, name)
        assert text == " ".join(text.split()), f"{name}: blanks"
        assert text.endswith("."), f"{name} does not end"
        assert text[0].isupper() or text[0].isdigit(), f"{name} does not begin"
        assert not re.search(r"[{}%<>\[\]_]|\bNone\b", text), f"{name}: a placeholder or a wire name"
        assert bool(CYRILLIC.search(text)) == name.endswith("_ru"), f"{name}: the wrong language"


@pytest.mark.parametrize("name", TEXTS)
def test_no_two_reasons_say_the_same(name: str) -> None:
    """A reader told one thing for two reasons could not know which to cure."""
    texts = [getattr(explanation, name) for explanation in EXPLANATIONS.values()]
    assert len(set(texts)) == len(Reason)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.text)
def test_the_rule_named_exists(reason: Reason) -> None:
    """A rule id leads to a heading, a numbered rule, or a row of the rulebook."""
    rule = EXPLANATIONS[reason].rule
    if rule.startswith("PS-"):
        page = (REFERENCE / "market-rules.md").read_text(encoding="utf-8")
        section, _, number = rule.partition(".")
        heading = re.search(rf"^### {section} [^\n]*$", page, re.MULTILINE)
        assert heading is not None, f"no section {section}"
        rest = page[heading.end() :]
        body = rest[: rest.find("\n### ")] if "\n### " in rest else rest
        assert not number or re.search(rf"^{number}\. ", body, re.MULTILINE), f"no rule {rule}"
    else:
        assert f"| {rule} |" in (REFERENCE / "rulebook.md").read_text(encoding="utf-8"), f"no rule {rule}"


def test_an_explanation_has_no_more_than_rule_fact_and_cure() -> None:
    """Fields that are added have to be checked above."""
    assert Explanation._fields == ("rule", *TEXTS)
