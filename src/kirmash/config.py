"""The one configuration file of a running exchange (TOML), with overrides from the environment.

Every setting has a default, so an empty file serves. A name that is not known is an error, never ignored, in the file
and, under a section's name, in the environment. A variable KIRMASH_<SECTION>_<NAME> replaces one plain value:
KIRMASH_GATEWAY_PORT=9000; what stands outside the sections is KIRMASH_<NAME>. What holds in the end is printed by
`kirmash serve --print-config`. Nothing secret stands in it: passwords and keys are in the data folder.
"""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

PREFIX: Final = "KIRMASH_"
CONFIG_FILE: Final = "kirmash.toml"
"""The name under which it is found in the data folder."""
VIEWS_FILE: Final = "views.db"
IDENTITY_FILE: Final = "identity.db"
BULLETIN_FILE: Final = "notices.db"
"""What stands in the data folder beside the journal, whose own names `journal.folder` has."""
DIGITS_MAX: Final = 18
"""Of a whole number in the environment; none that a setting may be has more."""


class ConfigError(Exception):
    """The file or the environment says something that is no setting."""

    exit_code = 2


Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=0)]
Positive = Annotated[int, Meta(ge=1)]
Percent = Annotated[int, Meta(ge=0, le=99)]
Weekday = Annotated[int, Meta(ge=1, le=7)]
Amount = Annotated[str, Meta(pattern=r"^[0-9]{1,15}(\.[0-9]{1,9})?\Z")]


class ExchangeConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What the exchange is called and where its days begin and end. `invented`: its companies, orders and prices are
    made up, which every page then says."""

    name: str = "Kirmash"
    exchange_id: str = ""
    time_zone: str = "Europe/Minsk"
    country: str = "BY"
    invented: bool = False


class CoreConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """The writer. `market`: native, reference, both, or empty for the native where it is installed."""

    data: str = "kirmash-data"
    socket: str = ""
    market: Literal["", "native", "reference", "both"] = ""
    snapshot_every: Positive = 100_000
    downtime_seconds: Count = 30
    notice_seconds: Count = 300
    disk_warn_percent: Percent = 10
    disk_close_percent: Percent = 2


class GatewayConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """HTTP and WebSocket. Behind a proxy that speaks TLS: `secure_cookies`, and its addresses in `trusted_proxies`."""

    host: str = "127.0.0.1"
    port: Port = 8000
    public_url: str = ""
    secure_cookies: bool = False
    trusted_proxies: tuple[str, ...] = ()
    connections_max: Positive = 10_000
    stop_seconds: Count = 3


class IdentityConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """Sessions, throttles, and what takes two persons (`four_eyes`; `credit_above` in units of the currency)."""

    idle_minutes: Positive = 30
    absolute_hours: Positive = 12
    manual_per_second: Positive = 1
    manual_burst: Positive = 5
    key_per_second: Positive = 200
    key_burst: Positive = 400
    four_eyes: bool = True
    credit_above: Amount = "1000000"
    operator_totp: bool = False


class LogConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """`format`: json for machines, text for a terminal."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["json", "text"] = "json"


class DemoLogin(Struct, frozen=True, forbid_unknown_fields=True):
    """A login that everybody may use. `part`: buyer, seller, broker, operator or auditor."""

    name: str
    password: str
    part: str


class DemoConfig(Struct, frozen=True, forbid_unknown_fields=True):
    """What `kirmash demo` tells its own pages; an exchange has none of it. `logins` are shown on the login page with
    their passwords, `historical` are the sessions that are replayed and take no orders of visitors."""

    logins: tuple[DemoLogin, ...] = ()
    historical: tuple[str, ...] = ()


class DayOverride(Struct, frozen=True, forbid_unknown_fields=True):
    """A day that the operator decrees: trading or not, whatever the calendar says."""

    day: str
    trading: bool
    why: str = ""


class TemplateInstrument(Struct, frozen=True, forbid_unknown_fields=True):
    """An instrument of a planned session, with the band and reference of create_session (PS-10)."""

    instrument: str
    reference: str | None = None
    lower: str | None = None
    upper: str | None = None
    down_ppm: int | None = None
    up_ppm: int | None = None


class SessionTemplate(Struct, frozen=True, forbid_unknown_fields=True):
    """A session that is created on each of its trading days. Times are local, `HH:MM:SS`."""

    name: str
    section: str
    purpose: str
    mechanism: str
    phases: dict[str, str]
    instruments: tuple[TemplateInstrument, ...]
    weekdays: tuple[Weekday, ...] = (1, 2, 3, 4, 5)
    self_trade: str = "cancel_newest"
    late_entry: bool = False
    names_at: str = "close"
    deposit: tuple[dict[str, Any], ...] = ()


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings."""

    exchange: ExchangeConfig = ExchangeConfig()
    core: CoreConfig = CoreConfig()
    gateway: GatewayConfig = GatewayConfig()
    identity: IdentityConfig = IdentityConfig()
    log: LogConfig = LogConfig()
    demo: DemoConfig = DemoConfig()
    days: tuple[DayOverride, ...] = ()
    sessions: tuple[SessionTemplate, ...] = ()
    plan_days: Count = 2

    @property
    def data(self) -> Path:
        """The data folder."""
        return Path(self.core.data)

    @property
    def socket(self) -> Path:
        """The Unix socket between core and gateway."""
        return Path(self.core.socket) if self.core.socket else self.data / "core.sock"


def load(file: Path | None, environment: Mapping[str, str] = os.environ) -> Config:
    """The configuration of a file, None for none, with what the environment overrides. Raises ConfigError."""
    values: dict[str, Any] = {}
    if file is not None:
        try:
            values = tomllib.loads(file.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigError(f"{file}: {error}") from None
    source = str(file) if file is not None else "defaults"
    for name, value in environment.items():
        where = _OVERRIDES.get(name)
        if where is not None:
            section, field, kind = where
            given = values.setdefault(section, {}) if section else values
            if isinstance(given, dict):
                given[field] = _plain(name, value, kind)
        elif name.startswith(_SECTIONS):
            raise ConfigError(f"{name}: no such setting; `kirmash serve --print-config` shows every setting")
    try:
        return msgspec.convert(values, Config)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{source}: {error}; `kirmash serve --print-config` shows every setting") from None


def as_toml(config: Config) -> str:
    """The configuration as a file that `load` reads."""
    import tomli_w

    values: dict[str, Any] = msgspec.to_builtins(config)
    return tomli_w.dumps(_without_none(values))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(entry) for key, entry in value.items() if entry is not None}
    return [_without_none(entry) for entry in value] if isinstance(value, list | tuple) else value


def _plain(name: str, value: str, kind: Any) -> Any:
    if kind is bool:
        if value.lower() not in ("true", "false", "1", "0"):
            raise ConfigError(f"{name}: {value!r} is neither true nor false")
        return value.lower() in ("true", "1")
    if kind is int:
        if not value.removeprefix("-").isdecimal() or not value.isascii() or len(value) > DIGITS_MAX:
            raise ConfigError(f"{name}: {value!r} is no whole number")
        return int(value)
    return value


def _kind_of(kind: Any) -> Any:
    """The plain type of a field, without its limits; None if it is not plain."""
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if get_origin(kind) is Literal:
        kind = str
    return kind if kind in (bool, int, str) else None


def _plain_fields(section: str, of: type[Struct]) -> dict[str, tuple[str, str, Any]]:
    """Which variables name a setting of a section, "" for none: the section, its name and its type."""
    head = f"{PREFIX}{section}_" if section else PREFIX
    kinds = {field.name: _kind_of(field.type) for field in msgspec.structs.fields(of)}
    return {f"{head}{name}".upper(): (section, name, kind) for name, kind in kinds.items() if kind is not None}


_SECTION_TYPES: Final[dict[str, type[Struct]]] = {
    field.name: field.type
    for field in msgspec.structs.fields(Config)
    if isinstance(field.type, type) and issubclass(field.type, Struct)
}
_SECTIONS: Final = tuple(f"{PREFIX}{section}_".upper() for section in _SECTION_TYPES)
_OVERRIDES: Final = _plain_fields("", Config)
for _section, _type in _SECTION_TYPES.items():
    _OVERRIDES.update(_plain_fields(_section, _type))
