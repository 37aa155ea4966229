"""The configuration: what is no setting is an error, the environment wins over the file, and what is printed is read
back to the same."""

from pathlib import Path

import pytest

from kirmash import cli
from kirmash.config import (
    Config,
    ConfigError,
    CoreConfig,
    DayOverride,
    SessionTemplate,
    TemplateInstrument,
    as_toml,
    load,
)


def read(tmp_path: Path, text: str, **environment: str) -> Config:
    file = tmp_path / "kirmash.toml"
    file.write_text(text, encoding="utf-8")
    return load(file, environment)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[gateway]\nprot = 9000\n", "prot"),
        ("[gatway]\nport = 9000\n", "gatway"),
        ("[gateway]\nport = 'http'\n", "int"),
        ("[gateway]\nport = 70000\n", "65535"),
        ("[gateway]\nstop_seconds = -1\n", ">= 0"),
        ("[core]\nmarket = 'fast'\n", "fast"),
        ("[core]\ndisk_close_percent = 150\n", "99"),
        ("[log]\nlevel = 'loud'\n", "loud"),
        ("[[sessions]]\nname = 'oil'\n", "section"),
        ("[identity]\ncredit_above = '1 000'\n", "credit_above"),
        ("[identity]\ncredit_above = 'NaN'\n", "credit_above"),
        ("port == 9000", "line 1"),
        ("core = 5\n", "core"),
    ],
)
def test_what_is_no_setting_is_an_error_that_names_the_file(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"kirmash\.toml") as error:
        read(tmp_path, text)
    assert says in str(error.value)
    assert error.value.exit_code == 2


def test_a_missing_file_and_no_text_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml", {})
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bytes\.toml"):
        load(tmp_path / "bytes.toml", {})


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "[gateway]\nport = 9000\nhost = '::1'\n[core]\nmarket = 'native'\n",
        KIRMASH_GATEWAY_PORT="9001",
        KIRMASH_GATEWAY_SECURE_COOKIES="true",
        KIRMASH_CORE_MARKET="reference",
        KIRMASH_LOG_FORMAT="text",
        KIRMASH_PLAN_DAYS="5",
        KIRMASH_MARKET="both",
        HOME="/root",
    )
    assert (config.gateway.port, config.gateway.host, config.gateway.secure_cookies) == (9001, "::1", True)
    assert (config.core.market, config.log.format, config.plan_days) == ("reference", "text", 5)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("KIRMASH_GATEWAY_PROT", "9000", "no such setting"),
        ("KIRMASH_CORE_", "x", "no such setting"),
        ("KIRMASH_GATEWAY_PORT", "many", "whole number"),
        ("KIRMASH_GATEWAY_PORT", "--5", "whole number"),
        ("KIRMASH_GATEWAY_PORT", "²", "whole number"),
        ("KIRMASH_GATEWAY_PORT", "9" * 5_000, "whole number"),
        ("KIRMASH_PLAN_DAYS", "soon", "whole number"),
        ("KIRMASH_GATEWAY_PORT", "70000", "65535"),
        ("KIRMASH_GATEWAY_SECURE_COOKIES", "maybe", "neither true nor false"),
        ("KIRMASH_LOG_LEVEL", "loud", "loud"),
    ],
)
def test_a_variable_that_is_no_setting_is_an_error(name: str, value: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        load(None, {name: value})


FULL = Config(
    core=CoreConfig(data="/srv/kirmash", market="both"),
    days=(DayOverride(day="2026-05-02", trading=True, why="after the holiday"),),
    sessions=(
        SessionTemplate(
            name="oil",
            section="agricultural",
            purpose="export",
            mechanism="cdca",
            # The order of phases is that of the day and has to come through.
            phases={"SCHEDULED": "08:00:00", "INTAKE": "09:00:00", "CLOSED": "10:00:00"},
            instruments=(TemplateInstrument(instrument="oil-brest", reference="900.00", down_ppm=50_000),),
            deposit=({"side": "sell", "resident": True, "currency": "EUR", "rate_ppm": 20_000, "floor": "100.00"},),
        ),
    ),
)


@pytest.mark.parametrize("config", [Config(), FULL], ids=["defaults", "full"])
def test_what_is_printed_is_read_back_to_the_same(config: Config, tmp_path: Path) -> None:
    again = read(tmp_path, as_toml(config))
    assert again == config
    assert [list(it.phases) for it in again.sessions] == [list(it.phases) for it in config.sessions]


def test_the_word_prints_what_holds_in_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """File in the data folder, then the environment, then the command line; and the print is a configuration."""
    (tmp_path / "kirmash.toml").write_text("plan_days = 5\n[gateway]\nport = 9000\nhost = '::1'\n", encoding="utf-8")
    monkeypatch.setenv("KIRMASH_GATEWAY_HOST", "127.0.0.2")
    monkeypatch.setenv("KIRMASH_MARKET", "reference")
    assert cli.main(["serve", "--data", str(tmp_path), "--port", "9001", "--print-config"]) == 0
    printed = tmp_path / "printed.toml"
    printed.write_text(capsys.readouterr().out, encoding="utf-8")
    config = load(printed, {})
    assert (config.gateway.port, config.gateway.host, config.plan_days) == (9001, "127.0.0.2", 5)
    assert (config.core.data, config.core.market) == (str(tmp_path), "reference")


def test_a_bad_configuration_ends_with_two(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "kirmash.toml").write_text("[gateway]\nprot = 1\n", encoding="utf-8")
    assert cli.main(["serve", "--data", str(tmp_path)]) == 2
    assert "prot" in capsys.readouterr().err
