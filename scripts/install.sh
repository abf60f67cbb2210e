#!/usr/bin/env bash
# Installs everything into .venv: uv, then torch, then the rest exactly as locked. Safe to repeat;
# a second run with nothing changed returns at once.
#
# torch comes first and alone, so that no other package's requirement can replace the build that
# is at hand (on a CPU-only machine another build means gigabytes of CUDA). The lock is complete,
# hence --no-deps; mup's requirement of torchvision, which it never imports, is skipped with it.
set -euo pipefail
cd "$(dirname "$0")/.."

python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "install: Widthwise needs Python 3.11 or newer, but '$python' is" \
        "$("$python" --version 2>&1 || echo "not to be found")." >&2
    echo "install: name another one: make install PYTHON=/path/to/python3.11" >&2
    exit 1
fi

wanted=$(cat scripts/install.sh pyproject.toml requirements.lock | cksum)
if [ -x .venv/bin/python ] && [ "$(cat .venv/installed 2>/dev/null)" = "$wanted" ]; then
    exit 0
fi

started=$SECONDS
[ -x .venv/bin/python ] || "$python" -m venv .venv
rm -f .venv/installed
echo "install: uv, torch and $(grep -c '==' requirements.lock) locked packages into .venv"
.venv/bin/python -m pip install --quiet --disable-pip-version-check uv
# Compiled once here: not every process of the service can, or may, write what it compiles.
install=(.venv/bin/uv pip install --quiet --compile-bytecode --python .venv/bin/python)
"${install[@]}" ${PIP_FIND_LINKS:+--find-links "$PIP_FIND_LINKS"} torch==2.13.0
"${install[@]}" --no-deps --requirements requirements.lock
"${install[@]}" --no-deps --no-build-isolation --editable .
echo "$wanted" >.venv/installed
echo "install: done in $((SECONDS - started)) s"
