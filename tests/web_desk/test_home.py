"""The desk's first page: what is asked for it does not hold up the others."""

import asyncio
from typing import Any

import pytest

from kirmash.identity import Identity
from tests.web_desk.house import RecordsHouse, text_of


def test_proposals_are_asked_for_beside_the_loop(records: RecordsHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question may close old ones, and so wait for the disk; every open page asks it every few seconds."""
    on_the_loop: list[bool] = []
    proposals = Identity.proposals

    def asked(self: Identity, **how: Any) -> Any:
        on_the_loop.append(asyncio._get_running_loop() is not None)
        return proposals(self, **how)

    monkeypatch.setattr(Identity, "proposals", asked)
    page = records.browser("olga").get("/desk")
    assert page.status_code == 200, text_of(page)
    assert on_the_loop
    assert not any(on_the_loop)


def test_a_form_of_too_many_fields_is_refused(records: RecordsHouse) -> None:
    """Before its token is found: that alone must not be an error of ours."""
    body = "&".join(f"f{at}=x" for at in range(1_001))
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert records.browser("olga").post("/desk/notices", content=body, headers=headers).status_code == 400
