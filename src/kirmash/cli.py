"""The words of `kirmash`: parse arguments, call what does the work, turn its errors into exit codes (PS-0.5).

Each word imports what it needs when it runs, so that `kirmash --help` starts at once. Nothing is decided here.
"""

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import kirmash

if TYPE_CHECKING:
    from kirmash.config import Config
    from kirmash.identity.access import Provisioned

DONE: Final = 0
WRONG_INPUT: Final = 2
STORAGE_FAILED: Final = 4
INTERNAL_FAULT: Final = 5
INTERRUPTED: Final = 130
"""What a shell gives a command that was ended by Ctrl-C; no code of PS-0.5, because nothing was answered."""

_MARKETS: Final = ("native", "reference", "both")


class CliError(Exception):
    """An end with a message for the reader and an exit code of PS-0.5."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = code


class _Word(NamedTuple):
    """A word of the command line: one line of help, its arguments, and what it does."""

    help: str
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one word and give its exit code. Installed as `kirmash`.

    The boundary of the process: an error that carries an `exit_code` is an answer to the user, any other is a fault of
    ours and ends with 5 (PS-9), a trap of the native market too, which is no Exception.
    """
    arguments = _parser().parse_args(argv)
    word: _Word = arguments.word
    try:
        code = word.run(arguments)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        print("kirmash: stopped", file=sys.stderr)
        return INTERRUPTED
    except SystemExit:
        raise
    except BrokenPipeError:
        # The reader went away (`kirmash run … | head`): nothing is left to say to it, and the interpreter must not try.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except BaseException as error:  # noqa: BLE001 (the boundary: every error becomes an exit code here)
        return _end(error)


def _end(error: BaseException) -> int:
    code: int | None = getattr(error, "exit_code", None)
    if code is not None:
        if code == INTERNAL_FAULT and error.__cause__ is not None:
            _show_where(error.__cause__)
        # An error that names FILE:LINE stands alone, as compilers print it, so that editors can jump there (PS-0.2).
        prefix = "" if hasattr(error, "line") else "kirmash: "
        print(_printable(f"{prefix}{error}"), file=sys.stderr)
        return code
    if isinstance(error, OSError):
        print(_printable(f"kirmash: {error.filename or 'output'}: {error.strerror}"), file=sys.stderr)
        return STORAGE_FAILED
    _show_where(error)
    print("kirmash: internal fault; please report the lines above", file=sys.stderr)
    return INTERNAL_FAULT


def _show_where(error: BaseException) -> None:
    """The lines of the program at which a fault of ours came up, for who mends it."""
    import traceback

    traceback.print_exception(error)


def _printable(text: str) -> str:
    """Text that any terminal's encoding can take; odd characters of an input file must not hide the message."""
    return text.encode(sys.stderr.encoding or "utf-8", "backslashreplace").decode(sys.stderr.encoding or "utf-8")


def _parser() -> argparse.ArgumentParser:
    codes = "0 done, 1 the check failed, 2 wrong input, 3 journal in use, 4 storage failed, 5 internal fault"
    parser = argparse.ArgumentParser(
        prog="kirmash", description="An open electronic commodity exchange.", epilog=f"Exit codes: {codes}."
    )
    parser.add_argument("--version", action="version", version=f"kirmash {kirmash.__version__}")
    words = parser.add_subparsers(metavar="WORD", required=True)
    for name, word in _WORDS.items():
        sub = words.add_parser(name, help=word.help, description=word.help)
        word.arguments(sub)
        sub.set_defaults(word=word)
    return parser


def _market_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--market",
        choices=_MARKETS,
        default=None,
        help="which market decides (default: KIRMASH_MARKET, else native where it is installed)",
    )


def _market(arguments: argparse.Namespace) -> str | None:
    chosen: str | None = arguments.market or os.environ.get("KIRMASH_MARKET") or None
    if chosen is not None and chosen not in _MARKETS:
        raise CliError(WRONG_INPUT, f"KIRMASH_MARKET: {chosen!r} is none of {', '.join(_MARKETS)}")
    return chosen


def _journal_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", metavar="JOURNAL", type=Path, help="data folder, or its journal.db alone")


@contextlib.contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int | None], None] | None]:
    """Progress of long work on standard error, if somebody watches it there. It begins with the first news."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    progress = Progress(console=Console(stderr=True), transient=True)
    task = progress.add_task(what, total=None)

    def show(done: int, total: int | None) -> None:
        progress.start()
        progress.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        progress.stop()


# run -------------------------------------------------------------------------------------------------------------


def _run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", help="scenario file (JSON Lines of commands), or - for standard input")
    parser.add_argument("--journal", metavar="FILE", type=Path, help="keep the journal in this new file")
    _market_argument(parser)


def _run(arguments: argparse.Namespace) -> int:
    from kirmash.bootstrap import run_scenario

    name: str = arguments.file
    with contextlib.ExitStack() as stack:
        if name == "-":
            source = sys.stdin.buffer
        else:
            try:
                source = stack.enter_context(Path(name).open("rb"))
            except OSError as error:
                raise CliError(WRONG_INPUT, f"{name}: {error.strerror}") from None
        # On one terminal the events themselves are the progress, and a bar between them would be in the way.
        watched = _progress("running") if not sys.stdout.isatty() else contextlib.nullcontext()
        progress = stack.enter_context(watched)
        run_scenario(source, name, sys.stdout.buffer, arguments.journal, _market(arguments), progress)
    return DONE


# demo ------------------------------------------------------------------------------------------------------------


def _demo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", metavar="DIR", type=Path, help="keep the data folder here (default: a new one)")
    parser.add_argument("--seed", metavar="N", type=int, help="other people and prices, invented from this number")
    parser.add_argument("--port", metavar="N", type=_port, help="where the pages are (default: 8000)")
    parser.add_argument(
        "--speed", metavar="S", type=_percent, help="how fast the historical session runs (default: 1, two minutes)"
    )
    parser.add_argument("--terminal", action="store_true", help="no pages: the historical session in this terminal")
    parser.add_argument("--seconds", type=int, help="about how long that takes on a terminal (default: 75)")
    _market_argument(parser)


def _port(text: str) -> int:
    """A port's number; 0 for any that is free."""
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 0 to 65535")
    return int(text)


def _percent(text: str) -> int:
    """A decimal number above zero, in hundredths."""
    try:
        percent = int(Decimal(text) * 100)
    except (InvalidOperation, ValueError, OverflowError):
        percent = 0
    if not 1 <= percent <= 100_000_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 0.01 to 1000000")
    return percent


def _demo(arguments: argparse.Namespace) -> int:
    pages = arguments.port is not None or arguments.speed is not None
    # A pipe asks for something that ends; so does who says how long it may take.
    if arguments.terminal or arguments.seconds is not None or not (pages or sys.stdout.isatty()):
        if pages:
            raise CliError(WRONG_INPUT, "demo: --port and --speed are for pages, --terminal and --seconds for none")
        from kirmash.demo.terminal import run_demo

        seconds = 75 if arguments.seconds is None else arguments.seconds
        run_demo(arguments.data, _market(arguments), arguments.seed, seconds)
        return DONE
    from kirmash.demo.live import run_live

    speed = 100 if arguments.speed is None else arguments.speed
    run_live(arguments.data, _market(arguments), arguments.seed, arguments.port, speed)
    return DONE


# verify ----------------------------------------------------------------------------------------------------------


def _verify_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("journal", metavar="JOURNAL", nargs="?", type=Path, help="data folder, or its journal.db alone")
    parser.add_argument("--expect-head", metavar="HASH", help="a head noted earlier, which the journal must have had")
    parser.add_argument("--proof", metavar="FILE", type=Path, help="check this proof instead; needs no journal")
    _market_argument(parser)


def _verify(arguments: argparse.Namespace) -> int:
    if arguments.proof is not None:
        return _verify_proof(arguments.proof, arguments.expect_head)
    if arguments.journal is None:
        raise CliError(WRONG_INPUT, "verify: name a JOURNAL, or a proof with --proof FILE")
    from kirmash.bootstrap import verify_journal

    with _progress("verifying") as progress:
        found = verify_journal(arguments.journal, _market(arguments), arguments.expect_head, progress)
    print(f"exchange    {found.exchange_id}")
    print(
        f"records     {found.head.number}, batches {found.head.batches}, snapshots {found.snapshots}: all as recorded"
    )
    if (profiles := found.profiles) is not None:
        print(
            f"profiles    {profiles.recorded} recorded: {profiles.present} files as recorded, "
            f"{profiles.missing} missing; {profiles.forgotten} forgotten"
        )
    if found.state_hash is not None:
        print(f"state hash  {found.state_hash.hex()}")
    print(f"chain hash  {found.head.chain.hex()}")
    print(f"head        {found.head.hash}")
    if found.expected_at is not None:
        print(f"the expected head is that of record {found.expected_at}")
    return DONE


def _verify_proof(file: Path, head: str | None) -> int:
    from kirmash.journal.proof import check_proof
    from kirmash.protocol.present import show_record

    try:
        data = file.read_bytes()
    except OSError as error:
        raise CliError(WRONG_INPUT, f"{file}: {error.strerror}") from None
    proved = check_proof(data, head)
    print(f"record      {proved.record.number} stands in the journal of {proved.head_number} records with the head")
    print(f"head        {proved.head}")
    print("Its command and events (prices in ticks, quantities in lots, money in minor units):")
    for line in show_record(proved.record):
        print(line)
    return DONE


# prove -----------------------------------------------------------------------------------------------------------


def _prove_arguments(parser: argparse.ArgumentParser) -> None:
    _journal_argument(parser)
    parser.add_argument("number", metavar="NUMBER", type=int, help="the record's number")


def _prove(arguments: argparse.Namespace) -> int:
    from kirmash.journal.proof import check_proof, parties_of, prove

    data = prove(arguments.journal, arguments.number)
    print(data.decode())
    parties = parties_of(check_proof(data).record)
    if len(parties) > 1:
        # A record is proved whole, so that the paper for one side tells of the other.
        print(
            f"kirmash: this proof shows orders and accounts of {', '.join(parties)}; give it only to who may see them",
            file=sys.stderr,
        )
    return DONE


# backup, forget --------------------------------------------------------------------------------------------------


def _backup_arguments(parser: argparse.ArgumentParser) -> None:
    _journal_argument(parser)
    parser.add_argument("target", metavar="DIR", type=Path, help="a new folder for the copy")


def _backup(arguments: argparse.Namespace) -> int:
    from kirmash.bootstrap import backup_exchange

    with _progress("copying") as progress:
        copied = backup_exchange(arguments.journal, arguments.target, progress)
    print(f"{arguments.target}: records to {copied.head.number}")
    print(f"head        {copied.head.hash}")
    return DONE


def _forget_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="data folder; nobody else may be writing to it")
    parser.add_argument("person", metavar="PERSON", help="the id of the person's profile, person-…")


def _forget(arguments: argparse.Namespace) -> int:
    from kirmash.journal.folder import Folder
    from kirmash.journal.profiles import Profiles

    with Folder(arguments.folder) as folder:
        Profiles(folder.path).forget(arguments.person)
    print(f"{arguments.person}: the key is destroyed; backups made earlier still hold it")
    return DONE


# rebuild ---------------------------------------------------------------------------------------------------------


def _rebuild_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="data folder; the exchange must not be running")


def _rebuild(arguments: argparse.Namespace) -> int:
    from kirmash.bootstrap import rebuild_views

    with _progress("rebuilding") as progress:
        reached = rebuild_views(arguments.folder, progress)
    print(f"{arguments.folder}: views of {reached} records")
    return DONE


# serve -----------------------------------------------------------------------------------------------------------


def _serve_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", type=Path, help="configuration (default: kirmash.toml in DIR)")
    parser.add_argument("--data", metavar="DIR", type=Path, help="data folder (default: kirmash-data)")
    parser.add_argument("--port", metavar="N", type=int, help="where HTTP and WebSocket are (default: 8000)")
    _market_argument(parser)
    parser.add_argument("--one-process", action="store_true", help="core and gateway in one process")
    parser.add_argument("--only", choices=("core", "gateway"), help="this half alone, in the foreground")
    parser.add_argument("--print-config", action="store_true", help="print every setting that holds, and end")


def _serve(arguments: argparse.Namespace) -> int:
    from kirmash.config import as_toml

    config = _config(arguments)
    if arguments.print_config:
        print(as_toml(config), end="")
        return DONE
    from kirmash import serve

    parts = {"core": serve.serve_core, "gateway": serve.serve_gateway, None: serve.serve_one_process}
    if arguments.one_process or arguments.only is not None:
        serve.run_part(parts[arguments.only], config)
        return DONE
    return serve.supervise(["serve", *_given_again(arguments)], config)


def _config(arguments: argparse.Namespace) -> "Config":
    """The file, then the environment, then the command line. Raises ConfigError."""
    from kirmash.config import CONFIG_FILE, load

    data = arguments.data or Path(os.environ.get("KIRMASH_CORE_DATA") or "kirmash-data")
    file = arguments.config
    if file is None and (data / CONFIG_FILE).is_file():
        file = data / CONFIG_FILE
    over = {
        "KIRMASH_CORE_DATA": arguments.data or (data if arguments.config is None else None),
        "KIRMASH_CORE_MARKET": _market(arguments),
        "KIRMASH_GATEWAY_PORT": arguments.port,
    }
    return load(file, {**os.environ, **{name: str(value) for name, value in over.items() if value is not None}})


def _given_again(arguments: argparse.Namespace) -> list[str]:
    """The options of `serve` for a child of ours."""
    names = ("config", "data", "port", "market")
    given = [(f"--{name}", getattr(arguments, name)) for name in names]
    return [word for option, value in given if value is not None for word in (option, str(value))]


# operator, login -------------------------------------------------------------------------------------------------


def _provisioning_arguments(parser: argparse.ArgumentParser, *more: str) -> None:
    parser.add_argument("what", choices=("add", *more), help=" or ".join(("add one", *more)))
    parser.add_argument("name", metavar="NAME", help="what is typed to sign in")
    parser.add_argument("--data", metavar="DIR", type=Path, required=True, help="data folder; made if it is not there")
    parser.add_argument("--language", choices=("en", "ru"), default="en", help="of messages (default: en)")


def _login_arguments(parser: argparse.ArgumentParser) -> None:
    _provisioning_arguments(parser, "reset")
    parser.add_argument("--role", choices=("trader", "participant-admin", "auditor", "operator"), help="of a new one")
    parser.add_argument("--participant", metavar="ID", help="whose trader or administrator it is")
    parser.add_argument("--trader", metavar="ID", help="the trader's id in the register, for the role trader")
    parser.add_argument("--second-factor", action="store_true", help="reset: take the second factor away, too")


def _add_operator(arguments: argparse.Namespace) -> int:
    return _add_login(arguments, "operator", None, None)


def _login(arguments: argparse.Namespace) -> int:
    if arguments.what == "reset":
        return _reset_login(arguments)
    if arguments.role is None or arguments.second_factor:
        raise CliError(WRONG_INPUT, "login add: needs --role, and has no second factor to take away")
    return _add_login(arguments, arguments.role, arguments.participant, arguments.trader)


def _reset_login(arguments: argparse.Namespace) -> int:
    from kirmash.bootstrap import reset_login

    if any(it is not None for it in (arguments.role, arguments.participant, arguments.trader)):
        raise CliError(WRONG_INPUT, "login reset: whose a login is stays as it is; name nothing but the login")
    made = reset_login(arguments.data, arguments.name, arguments.second_factor)
    _show_login(made)
    if made.login.blocked:
        print("The login is blocked and stays so, until an operator unblocks it.", file=sys.stderr)
    return DONE


def _add_login(arguments: argparse.Namespace, role: str, participant: str | None, trader: str | None) -> int:
    from kirmash.bootstrap import add_login

    _show_login(add_login(arguments.data, arguments.name, role, participant, trader, arguments.language))
    return DONE


def _show_login(made: "Provisioned") -> None:
    print(f"login       {made.login.name} ({made.login.id}), role {made.login.role}")
    print(f"password    {made.password}")
    print("It is shown this once, and has to be changed at the first sign-in.", file=sys.stderr)


# schema ----------------------------------------------------------------------------------------------------------


def _schema_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--page", action="store_true", help="print the reference page of messages instead (Markdown)")


def _schema(arguments: argparse.Namespace) -> int:
    from kirmash.protocol import schema

    if arguments.page:
        sys.stdout.write(schema.messages_page())
    else:
        import json

        print(json.dumps(schema.schema(), indent=2))
    return DONE


_WORDS: Final[dict[str, _Word]] = {
    "serve": _Word("run the exchange: core and gateway, until it is stopped", _serve_arguments, _serve),
    "run": _Word("run a scenario file against a fresh exchange and print its events", _run_arguments, _run),
    "demo": _Word("an exchange to look at and to trade on, with invented people", _demo_arguments, _demo),
    "verify": _Word("compute a journal again from its commands and compare everything", _verify_arguments, _verify),
    "prove": _Word("print one record with the path that proves it", _prove_arguments, _prove),
    "backup": _Word("copy a data folder consistently, also while it is in use", _backup_arguments, _backup),
    "rebuild": _Word("make the views of a data folder anew from its journal", _rebuild_arguments, _rebuild),
    "operator": _Word("add an operator, with a one-time password", _provisioning_arguments, _add_operator),
    "login": _Word("add or reset a login, with a one-time password", _login_arguments, _login),
    "forget": _Word("destroy the key of a person's profile", _forget_arguments, _forget),
    "schema": _Word("print the JSON Schema of commands and events", _schema_arguments, _schema),
}
