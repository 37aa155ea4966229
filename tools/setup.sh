#!/usr/bin/env bash
# Makes or brings up to date .venv with .venv/bin/kirmash, and the native market where cargo is there.
#
#   tools/setup.sh         what the exchange needs to run
#   tools/setup.sh --dev   and what its tests, checks and docs need
#
# Safe to run again: each part leaves a stamp that holds a digest of everything it was made from, and is left alone while the
# digest stays the same. Environment: PYTHON picks the interpreter for a new .venv; REQUIRE=native turns a native market
# that cannot be built from a remark into an error.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { echo "setup: $*"; }

fail() {
    echo "setup: $*" >&2
    exit 1
}

digest() { cat "$@" | sha256sum | cut -d' ' -f1; }

# True when the stamp NAME holds the digest DIGEST.
fresh() { [ -f ".venv/stamp-$1" ] && [ "$(cat ".venv/stamp-$1")" = "$2" ]; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# Prints the interpreter for a new .venv, or nothing.
find_python() {
    local python
    for python in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
        if new_enough "$python"; then
            echo "$python"
            return
        fi
    done
}

make_venv() {
    if [ -x .venv/bin/python ] && new_enough .venv/bin/python; then return; fi
    bash tools/ensure-system.sh "$(find_python)"
    local python
    python=$(find_python)
    [ -n "$python" ] || fail "Python 3.11 or newer is needed"
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv || fail "could not make .venv (on Debian: apt-get install python3-venv)"
}

# uv at the version and with the hashes of the lock; where it cannot be had, plain pip does the same, only slower.
install_uv() {
    [ ! -x .venv/bin/uv ] || return 0
    awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements.lock >.venv/uv.lock
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.lock 2>/dev/null \
        || say "uv is not to be had; using pip"
}

install() {
    if [ -x .venv/bin/uv ]; then
        # What uv cannot do (a company's certificates that only pip was told of, say), pip is asked to do.
        if UV_LINK_MODE=${UV_LINK_MODE:-copy} .venv/bin/uv pip install --quiet --python .venv/bin/python "$@"; then return; fi
        say "uv failed (see above); trying pip"
    fi
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$@"
}

digest_of_lock() { digest "$1" pyproject.toml .venv/pyvenv.cfg tools/setup.sh; }

install_python() {
    local lock=requirements.lock part=run
    if [ "${1:-}" = --dev ]; then lock=requirements-dev.lock part=dev; fi
    local now
    now=$(digest_of_lock "$lock")
    # Whoever develops has all that is needed to run.
    if [ -x .venv/bin/kirmash ] && { fresh "$part" "$now" || fresh dev "$(digest_of_lock requirements-dev.lock)"; }; then
        return
    fi
    install_uv
    say "installing from $lock"
    install --require-hashes -r "$lock"
    install --no-deps --no-build-isolation --editable .
    echo "$now" >".venv/stamp-$part"
}

# The native market of an older tree must not go on deciding: where no new one can be built, the old one goes.
without_native() {
    rm -f .venv/stamp-native
    if .venv/bin/python -c 'import importlib.util as u, sys; sys.exit(u.find_spec("kirmash_market") is None)'; then
        if [ -x .venv/bin/uv ]; then
            .venv/bin/uv pip uninstall --quiet --python .venv/bin/python kirmash-market
        else
            .venv/bin/python -m pip uninstall --quiet --yes kirmash-market
        fi
    fi
    case ",${REQUIRE:-}," in *,native,*) fail "$1, and REQUIRE names native" ;; esac
    say "$1: the reference market is used"
}

install_native() {
    local need have now
    if ! command -v cargo >/dev/null; then
        without_native "no cargo"
        return
    fi
    need=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    have=$(cargo --version | cut -d' ' -f2)
    if [ "$(printf '%s\n%s\n' "$need" "$have" | sort -V | head -n 1)" != "$need" ]; then
        without_native "cargo $have is older than $need"
        return
    fi
    now=$({
        cargo --version
        cat Cargo.toml Cargo.lock .venv/pyvenv.cfg
        find crates/market/src crates/market-py -type f -not -name '*.so' | LC_ALL=C sort | xargs sha256sum
    } | sha256sum | cut -d' ' -f1)
    if fresh native "$now"; then return; fi
    bash tools/ensure-system.sh .venv/bin/python
    say "building the native market (cargo $have)"
    mkdir -p build/wheels
    rm -f build/wheels/kirmash_market-*.whl
    if ! .venv/bin/maturin build --release --locked --quiet --interpreter .venv/bin/python \
        --manifest-path crates/market-py/Cargo.toml --out build/wheels >build/native.log 2>&1; then
        tail -n 25 build/native.log >&2
        without_native "the native market could not be built (build/native.log)"
        return
    fi
    install --no-deps --force-reinstall --no-index build/wheels/kirmash_market-*.whl
    echo "$now" >.venv/stamp-native
}

make_venv
install_python "${1:-}"
install_native
# The pages are tested in a real browser. Where none can be had those tests are skipped and say so.
if [ "${1:-}" = --dev ]; then
    bash tools/ensure-system.sh --browser .venv/bin/python || say "no Chromium: tests in a browser are skipped"
fi
