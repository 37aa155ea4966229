"""The guides of the one who runs it: every command they show is run as shown, in their order; every metric, check and
exit code is explained; the unit is one that systemd takes."""

import re
import shutil
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest

from kirmash.config import Config, load
from kirmash.core.planner import Planner
from kirmash.gateway.operations import Metrics
from tests.serve.processes import PATIENCE, Served, free_port, get, served

ROOT = Path(__file__).resolve().parents[2]
OPERATE = (ROOT / "docs/guides/operate.md").read_text(encoding="utf-8")
TIMETABLE = (ROOT / "docs/guides/timetable.md").read_text(encoding="utf-8")


def commands(page: str) -> list[str]:
    blocks = re.findall(r"```console\n(.*?)```", page, re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = line.replace(".venv/bin/kirmash", f"{sys.executable} -m kirmash")
    return subprocess.run(
        ["bash", "-ec", line], cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def started(line: str, port: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """A `serve` that goes on in the background."""
    monkeypatch.chdir(folder)
    words = line.split()[2:]
    if "--port" in words:
        words[words.index("--port") + 1] = str(port)
    else:
        words += ["--port", str(port)]
    return served(folder / f"log-{port}", *words)  # type: ignore[return-value]


def test_every_command_of_the_operators_guide_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ports are the only thing that is changed: those of the guide may be in use here."""
    first, second = free_port(), free_port()
    shown = commands(OPERATE)
    serving = [line for line in shown if re.match(r"\S*kirmash serve", line) and "--print-config" not in line]
    assert len(serving) == 2
    at = shown.index(serving[0])
    restore = shown.index(serving[1])
    for line in shown[:at]:
        done = shell(line, tmp_path)
        assert done.returncode == 0, (line, done.stderr)
    with started(serving[0], first, tmp_path, monkeypatch) as exchange:  # type: ignore[attr-defined]
        exchange.ready(first)
        for line in shown[at + 1 : restore]:
            done = shell(line.replace(":8000", f":{first}"), tmp_path)
            assert done.returncode == 0, (line, done.stderr)
            if line.startswith("curl"):
                assert done.stdout, line
        exchange.process.send_signal(signal.SIGINT)
        assert exchange.wait() == 0
    with started(serving[1], second, tmp_path, monkeypatch) as restored:  # type: ignore[attr-defined]
        restored.ready(second)
        assert restored.stop()[0] == 0
    for line in shown[restore + 1 :]:
        done = shell(line, tmp_path)
        assert done.returncode == 0, (line, done.stderr)


def test_the_templates_of_the_timetables_guide_are_understood(tmp_path: Path) -> None:
    """Both blocks together are a configuration; the command shows it."""
    (tmp_path / "exchange").mkdir()
    file = tmp_path / "exchange" / "kirmash.toml"
    file.write_text("\n".join(re.findall(r"```toml\n(.*?)```", TIMETABLE, re.DOTALL)), encoding="utf-8")
    config = load(file, {})
    Planner(config)
    assert [it.name for it in config.sessions] == ["oil"]
    assert len(config.days) == 2
    (line,) = commands(TIMETABLE)
    done = shell(line, tmp_path)
    assert done.returncode == 0, done.stderr
    printed = msgspec.convert(tomllib.loads(done.stdout), Config)
    assert (printed.sessions, printed.days) == (config.sessions, config.days)


def test_every_metric_is_explained_and_no_other() -> None:
    metrics = Metrics()
    names = set(re.findall(r"(?m)^# TYPE (kirmash_\w+) (?!gauge\n.*_created)", metrics.text().decode()))
    names = {name for name in names if not name.endswith("_created")}
    assert names == set(re.findall(r"`(kirmash_\w+)`", OPERATE))


def test_every_check_of_readyz_is_explained(tmp_path: Path) -> None:
    port = free_port()
    with served(tmp_path / "log", "--data", str(tmp_path / "data"), "--port", str(port), "--one-process") as exchange:
        exchange.ready(port)
        checks = msgspec.json.decode(get(port, "/readyz")[1])["checks"]
    table = OPERATE[OPERATE.index("| check |") :]
    assert [check["name"] for check in checks] == re.findall(r"(?m)^\| `(\w+)` \|", table)[: len(checks)]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    """Its paths are those of an installation; here they are those of this program."""
    text = (ROOT / "packaging/kirmash.service").read_text(encoding="utf-8")
    program = Path(sys.executable).with_name("kirmash")
    unit = tmp_path / "kirmash.service"
    unit.write_text(text.replace("/opt/kirmash/bin/kirmash", str(program)).replace("User=kirmash\nGroup=kirmash\n", ""))
    done = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
