"""A terminal of a given size in front of a word of the command line, and what its user has before his eyes.

The word runs on a pseudo-terminal, so keys reach it as they would from a keyboard. The screen knows only the control
sequences that the words use and fails at any other, so that a test never passes on a screen that it misread.
"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

_START: Final = (
    "import fcntl, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); from kirmash.cli import main; sys.exit(main())"
)
CTRL_C: Final = b"\x03"
_CONTROL: Final = re.compile(r"\x1b\[(?P<given>[?0-9;]*)(?P<final>[A-Za-z])|[\r\n]|[^\x1b\r\n]+")
_PART: Final = re.compile(r"\x1b(\[[?0-9;]*)?$")


class Screen:
    """The cells of a terminal, what scrolled out of it, and what was ever shown in reverse."""

    def __init__(self, columns: int, lines: int) -> None:
        self._columns, self._lines = columns, lines
        self._cells = [[" "] * columns for _ in range(lines)]
        self._row = self._column = 0
        self._reverse = False
        self._rest = ""
        self._scrolled: list[str] = []
        self.reversed: list[str] = []
        """Each text that was shown in reverse, in the order in which it was written; the same one once in a row."""
        self.cursor_is_shown = True
        self.controls = 0
        """How many control sequences came; 0 where only lines were printed."""

    @property
    def text(self) -> str:
        """What is on the screen."""
        return "\n".join("".join(row).rstrip() for row in self._cells)

    @property
    def history(self) -> str:
        """What scrolled out, and the screen: what the user can scroll back to."""
        return "\n".join([*self._scrolled, self.text])

    def feed(self, given: str) -> None:
        """Take output in; a sequence cut in two waits for its end."""
        text = self._rest + given
        cut = _PART.search(text)
        self._rest = text[cut.start() :] if cut else ""
        at, end = 0, len(text) - len(self._rest)
        while at < end:
            found = _CONTROL.match(text, at, end)
            assert found is not None, f"a control sequence that this screen does not know: {text[at : at + 20]!r}"
            if found["final"]:
                self._control(found["given"], found["final"])
            elif found[0] == "\r":
                self._column = 0
            elif found[0] == "\n":
                self._feed_line()
            else:
                self._write(found[0])
            at = found.end()

    def _write(self, text: str) -> None:
        assert text.isprintable(), f"control characters: {text!r}"
        shown = text.strip()
        if self._reverse and shown and self.reversed[-1:] != [shown]:
            self.reversed.append(shown)
        for character in text:
            # As terminals do: the last column is left only when something more comes.
            if self._column == self._columns:
                self._column = 0
                self._feed_line()
            self._cells[self._row][self._column] = character
            self._column += 1

    def _feed_line(self) -> None:
        if self._row < self._lines - 1:
            self._row += 1
            return
        self._scrolled.append("".join(self._cells.pop(0)).rstrip())
        self._cells.append([" "] * self._columns)

    def _control(self, given: str, final: str) -> None:
        self.controls += 1
        if final == "A":
            self._row = max(0, self._row - int(given or 1))
        elif final == "K" and given == "2":
            self._cells[self._row] = [" "] * self._columns
        elif final == "m":
            # Colours do not matter here, and 38 or 48 are followed by numbers that are no attributes.
            first = given.split(";", 1)[0]
            attributes = {first} if first in ("38", "48") else set(given.split(";"))
            self._reverse = "7" in attributes or (self._reverse and not attributes & {"", "0", "27"})
        elif final in "hl" and given == "?25":
            self.cursor_is_shown = final == "h"
        else:
            raise AssertionError(f"a control sequence that this screen does not know: {given}{final}")


class Ended(Exception):
    """The word did not end in time; what is on the screen is the message."""


def watch(
    columns: int,
    lines: int,
    *words: str | Path,
    cwd: Path,
    look: Callable[[Screen], bytes | None] = lambda _: None,
    stdout: int | None = None,
    patience: float = 60,  # seconds
) -> tuple[int, Screen]:
    """Run one word on a terminal of this size to its end; gives its exit code and the screen at the end.

    `look` sees the screen after each piece of output and may give keys to press. With `stdout` the word's output goes
    to that file descriptor, and only standard error to the terminal. Raises Ended when patience is over.
    """
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    given = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        [sys.executable, "-c", _START, *map(str, words)],
        stdin=its,
        stdout=its if stdout is None else stdout,
        stderr=its,
        env={**given, "TERM": "xterm-256color", "KIRMASH_MARKET": "reference", "PYTHONUTF8": "1"},
        cwd=cwd,
        start_new_session=True,
    ) as process:
        os.close(its)
        screen = Screen(columns, lines)
        try:
            _follow(ours, screen, look, time.monotonic() + patience)
        finally:
            os.close(ours)
            if process.poll() is None and sys.exc_info()[0] is not None:
                process.send_signal(signal.SIGKILL)
        return process.wait(patience), screen


def _follow(ours: int, screen: Screen, look: Callable[[Screen], bytes | None], deadline: float) -> None:
    undecoded = b""
    while True:
        if not select.select([ours], [], [], max(0.0, deadline - time.monotonic()))[0]:
            raise Ended(screen.history)
        try:
            piece = os.read(ours, 4096)
        except OSError:
            # Linux says so when nobody has the other side open any more.
            return
        if not piece:
            return
        undecoded += piece
        # A character cut in two waits for its end.
        text = undecoded.decode(errors="ignore")
        undecoded = undecoded[len(text.encode()) :]
        screen.feed(text)
        keys = look(screen)
        if keys:
            os.write(ours, keys)
