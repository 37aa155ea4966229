"""A pytest plugin for runs against a copy of the sources: it vouches that the copy, and nothing else, was tested.

`-p tests.defects.witness`; KIRMASH_DEFECT_COPY names the copy, KIRMASH_DEFECT_MODULES the modules that have to come
from it, separated by commas. A run in which one of them came from elsewhere ends as an internal error, so that it is
never mistaken for a test that failed.
"""

import importlib
import os
import sys
from pathlib import Path

import pytest


def pytest_sessionfinish(session: pytest.Session) -> None:
    """After the last test: where every module of ours was read from."""
    copy = Path(os.environ["KIRMASH_DEFECT_COPY"])
    names = os.environ["KIRMASH_DEFECT_MODULES"].split(",")
    for name in names:
        importlib.import_module(name)
    ours = [name for name in sys.modules if name in names or name.startswith(tuple(f"{name}." for name in names))]
    files = {name: getattr(sys.modules[name], "__file__", None) for name in ours}
    elsewhere = {name: file for name, file in files.items() if file and not Path(file).is_relative_to(copy)}
    if elsewhere:
        sys.stderr.write(f"witness: not from {copy}: {elsewhere}\n")
        session.exitstatus = pytest.ExitCode.INTERNAL_ERROR
