#!/usr/bin/env bash
# Makes the lock files anew from pyproject.toml and the Cargo manifests: `make lock`. Set UPGRADE=1 for the newest versions.
#
#   requirements.lock      what `make setup` installs: the dependencies and the tools that build the package
#   requirements-dev.lock  the same and the extra `dev`
#
# Both hold a hash for every file and a marker where Python versions differ, so they serve 3.11 to 3.13, uv and plain pip.
# They name no index: whoever installs uses the one that his machine is set up for.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile pyproject.toml --group build "$@" ${UPGRADE:+--upgrade} \
        --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
        --no-header --no-annotate --quiet
}

compile --output-file requirements.lock
compile --extra dev --constraints requirements.lock --output-file requirements-dev.lock
if command -v cargo >/dev/null; then
    if [ -n "${UPGRADE:-}" ]; then cargo update; else cargo update --workspace; fi
fi
