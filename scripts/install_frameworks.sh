#!/usr/bin/env bash
# Installs the frameworks whose own code reads the exports, in an environment of their own:
# .venv-exports. Their requirements contradict each other and this project's, so that versions are
# pinned and nothing is resolved. Safe to repeat; does nothing where all of it is there.
set -euo pipefail
cd "$(dirname "$0")/.."

if cmp --silent requirements-frameworks.lock .venv-exports/installed; then
    exit 0
fi
find_links=()
[ -z "${PIP_FIND_LINKS:-}" ] || find_links=(--find-links "$PIP_FIND_LINKS")
.venv/bin/uv venv --quiet --allow-existing --python .venv/bin/python .venv-exports
.venv/bin/uv pip install --quiet --python .venv-exports/bin/python "${find_links[@]}" \
    torch==2.13.0 setuptools
.venv/bin/uv pip install --quiet --python .venv-exports/bin/python "${find_links[@]}" --no-deps \
    --requirements requirements-frameworks.lock
cp requirements-frameworks.lock .venv-exports/installed
