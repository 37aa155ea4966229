"""What the log says of an error: where it came from, in both forms, and never what the variables held."""

import json
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from kirmash.config import Config, LogConfig
from kirmash.serve import set_up_logging


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def failing_login(password: str) -> None:
    raise ValueError(len(password))


@pytest.mark.parametrize("form", ["json", "text"])
def test_an_error_is_logged_with_its_traceback_and_without_values(
    form: Literal["json", "text"], capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging(Config(log=LogConfig(format=form)))
    try:
        failing_login("a goose" + " on the green")
    except ValueError as error:
        structlog.get_logger("test").error("unforeseen", exc_info=error)
    said = capsys.readouterr().err
    assert "in failing_login" in said
    assert "ValueError: 20" in said
    assert "goose on" not in said
    if form == "json":
        assert json.loads(said)["event"] == "unforeseen"
