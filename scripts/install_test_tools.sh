#!/usr/bin/env bash
# Installs what the tests need besides Python packages: a Chromium for the browser tests. Safe to
# repeat; does nothing where one is on the PATH. PostgreSQL's server comes from PyPI.
set -euo pipefail

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
