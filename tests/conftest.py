"""Shared by all tests: what may be skipped and what may not, and how hypothesis searches.

`REQUIRE` is a list of names, separated by commas, of parts that must be there: a test that needs such a part fails
where it would otherwise be skipped. `make test` requires `native` wherever cargo is installed, so that a native
market that cannot be built, or is not found, is never mistaken for one that passed.

Fixtures that belong to one subject stand in that subject's own folder, not here.
"""

import importlib.util
import os
import shutil

import hypothesis
import pytest

# The same examples in every run: a failure that comes and goes is looked for by `make fuzz`, which prints its seed.
hypothesis.settings.register_profile("kirmash", deadline=None, derandomize=True, database=None, print_blob=True)
hypothesis.settings.load_profile("kirmash")


def required(part: str) -> bool:
    """Whether `REQUIRE` says that this part must be there."""
    return part in os.environ.get("REQUIRE", "").split(",")


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what needs the native market or a browser where there is none, unless it is required."""
    if item.get_closest_marker("native") is not None and importlib.util.find_spec("kirmash_market") is None:
        if required("native"):
            pytest.fail("the native market is required (REQUIRE) and kirmash_market cannot be imported")
        pytest.skip("needs the native market (kirmash_market); `make setup` builds it where cargo is installed")
    if item.get_closest_marker("browser") is not None and shutil.which("chromium") is None:
        if required("browser"):
            pytest.fail("a browser is required (REQUIRE) and there is no chromium")
        pytest.skip("needs Chromium (on Debian: apt-get install chromium)")
