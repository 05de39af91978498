#!/usr/bin/env bash
# Checks the echo example with the MCP Python SDK, 1.x and 2.x.
#
#   run.sh         builds and starts the example, checks it, stops it
#   run.sh URL     checks a server that runs already, such as http://127.0.0.1:8000
#
# PYTHON names the interpreter for the virtual environments (default: python3).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
server=
holder=
failures=()

cleanup() {
    local pid
    for pid in $holder $server; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
    printf 'FAIL %s\n' "$*"
    failures+=("$*")
}

# poll SECONDS COMMAND...: repeats the command until it succeeds, or fails when time is up.
poll() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# intact VENV REQUIREMENTS: whether the environment runs and holds exactly what is pinned.
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

prepare() {
    local venv=$here/.venv-mcp$1 requirements=$here/requirements-mcp$1.txt
    intact "$venv" "$requirements" && return
    echo "installing $(head -n 1 "$requirements")"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$requirements"
    intact "$venv" "$requirements"
}

free_port() {
    "$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

answers() {
    "$python" - "$1" 2>/dev/null <<'PYTHON'
import sys, urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
opener.open(sys.argv[1] + "/", timeout=2).read()
PYTHON
}

gone() { ! kill -0 "$1" 2>/dev/null; }

answers_or_gone() { answers "$url" || gone "$server"; }

build() {
    (cd "$root" && cargo build --release --example echo --message-format=json-render-diagnostics) |
        "$python" -c '
import json, sys

for line in sys.stdin:
    message = json.loads(line)
    if message.get("executable") and message["target"]["name"] == "echo":
        print(message["executable"])'
}

# Another process can take the port between the choice and the bind: hence three attempts.
start() {
    local attempt port
    for attempt in 1 2 3; do
        port=$(free_port)
        url=http://127.0.0.1:$port
        "$1" --listen "127.0.0.1:$port" >"$scratch/server" 2>&1 &
        server=$!
        if poll 15 answers_or_gone && ! gone "$server"; then
            return
        fi
        echo "the server did not start (attempt $attempt):"
        cat "$scratch/server"
        kill -KILL "$server" 2>/dev/null || true
        wait "$server" 2>/dev/null || true
        server=
    done
    return 1
}

# SIGTERM must end the server with exit code 0, and the open event stream with its last chunk.
stop() {
    local code=0 seconds=$SECONDS
    "$python" "$here/client.py" hold "$url" >"$scratch/hold" 2>&1 &
    holder=$!
    if ! poll 10 grep -q '^open$' "$scratch/hold"; then
        fail "stop: no event stream: $(cat "$scratch/hold")"
    fi
    seconds=$SECONDS
    kill -TERM "$server"
    if ! poll 15 gone "$server"; then
        fail "stop: the server still runs 15 s after SIGTERM"
        kill -KILL "$server"
    fi
    wait "$server" || code=$?
    server=
    if ((code == 0)); then
        echo "ok stop: exit code 0, $((SECONDS - seconds)) s after SIGTERM, with a stream open"
    else
        fail "stop: exit code $code: $(tail -n 5 "$scratch/server")"
    fi
    if ! poll 5 gone "$holder"; then
        fail "stop: the event stream outlives the server"
        kill -KILL "$holder"
    fi
    code=0
    wait "$holder" || code=$?
    holder=
    if ((code == 0)); then
        echo "ok stop: the event stream was ended properly"
    else
        fail "stop: the event stream was $(tail -n 1 "$scratch/hold")"
    fi
}

prepare 1
prepare 2
python=$here/.venv-mcp1/bin/python

if (($# > 0)); then
    url=${1%/}
    url=${url%/sse}
    poll 15 answers "$url" || {
        echo "nothing answers at $url"
        exit 1
    }
else
    echo "building the echo example"
    binary=$(build)
    start "$binary" || exit 1
fi

for generation in 1 2; do
    echo "== $(head -n 1 "$here/requirements-mcp$generation.txt") against $url"
    "$here/.venv-mcp$generation/bin/python" "$here/client.py" check "$url" ||
        fail "steps with mcp $generation.x"
done

if [[ -n $server ]]; then
    echo "== stop"
    if gone "$server"; then
        fail "the server died: $(tail -n 5 "$scratch/server")"
        server=
    else
        stop
    fi
fi

echo "== summary"
if ((${#failures[@]} > 0)); then
    printf 'failed: %s\n' "${failures[@]}"
    exit 1
fi
echo "all passed"
