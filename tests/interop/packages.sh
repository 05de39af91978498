# Shared by run.sh and ways.sh: installs the pinned clients. The caller has set `here`, and read ../everything.sh.
# PYTHON names the interpreter for the virtual environments (default: python3).

# intact VENV REQUIREMENTS: whether the environment works and has exactly the pinned packages.
intact() {
    "$1/bin/python" - "$2" 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version

for line in open(sys.argv[1]):
    name, _, wanted = line.strip().partition("==")
    if name and version(name) != wanted:
        sys.exit(1)

import mcp.client.sse
PYTHON
}

# prepare NAME: makes the virtual environment of requirements-NAME.txt.
prepare() {
    local venv=$here/.venv-$1 requirements=$here/requirements-$1.txt
    intact "$venv" "$requirements" && return
    echo "installing $(head -n 1 "$requirements")"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    intact "$venv" "$requirements"
}

# prepare_node: installs the TypeScript clients, and sets `node`. If the installed Node is too old for them, it is that of
# the conformance suites.
prepare_node() {
    npm_packages "$here"
    node=node
    # undici needs 20.18.
    if ! node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 18) ? 0 : 1)'; then
        npm_packages "$here/../conformance"
        node=$here/../conformance/node_modules/.bin/node
    fi
}
