#!/usr/bin/env bash
# Checks the everything example with the official clients: the MCP Python SDK 1.x and 2.x, and the TypeScript
# SDK 1.x and 2.x. Each runs twice: alone, and while other sessions are busy. Before that, these, an older
# Python SDK and @ai-sdk/mcp try what clients in use met.
#
#   run.sh         builds and starts the example, checks it, and stops it
#   run.sh URL     checks a running server, for example http://127.0.0.1:8000
#
# PYTHON names the interpreter for the virtual environments (default: python3).
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
server=
holder=
crowd=

# shellcheck source=../everything.sh
source "$here/../everything.sh"
# shellcheck source=packages.sh
source "$here/packages.sh"

cleanup() {
    local pid
    for pid in $holder $crowd $server; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

answers() {
    "$python" - "$1" 2>/dev/null <<'PYTHON'
import sys, urllib.error, urllib.request

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    opener.open(sys.argv[1] + "/", timeout=2).read()
except urllib.error.HTTPError:
    pass
PYTHON
}

# met: what clients in use met.
met() {
    local generation
    for generation in 1-9 1 2; do
        echo "== $(head -n 1 "$here/requirements-mcp$generation.txt"), what was met"
        "$here/.venv-mcp$generation/bin/python" "$here/met.py" "$url" ||
            fail "what was met with the Python SDK $generation"
    done
    echo "== @ai-sdk/mcp"
    "$node" "$here/ai-sdk.mjs" "$url" || fail "steps with @ai-sdk/mcp"
}

# clients WHEN: runs every client once.
clients() {
    local generation
    for generation in 1 2; do
        echo "== $(head -n 1 "$here/requirements-mcp$generation.txt"), $1"
        "$here/.venv-mcp$generation/bin/python" "$here/client.py" check "$url" ||
            fail "steps with the Python SDK $generation.x, $1"
    done
    for generation in 1 2; do
        echo "== the TypeScript SDK $generation.x, $1"
        "$node" "$here/client.mjs" "$generation" "$url" || fail "steps with the TypeScript SDK $generation.x, $1"
    done
}

busy_or_gone() { grep -qs '^[1-9].* are busy$' "$scratch/crowd" || gone "$crowd"; }

start_crowd() {
    "$python" "$here/client.py" busy 50 "$url" >"$scratch/crowd" 2>&1 &
    crowd=$!
    if ! poll 30 busy_or_gone || gone "$crowd"; then
        fail "the busy sessions did not start: $(tail -n 5 "$scratch/crowd")"
    fi
}

stop_crowd() {
    local code=0
    kill -TERM "$crowd" 2>/dev/null || true
    if ! poll 30 gone "$crowd"; then
        fail "the busy sessions did not end"
        kill -KILL "$crowd"
    fi
    wait "$crowd" || code=$?
    crowd=
    cat "$scratch/crowd"
    ((code == 0)) || fail "the busy sessions"
}

# SIGTERM must end the server with exit code 0, and each open event stream with its last chunk.
stop() {
    local code=0 seconds=$SECONDS
    "$python" "$here/client.py" hold "$url" >"$scratch/hold" 2>&1 &
    holder=$!
    if ! poll 10 grep -qs '^open$' "$scratch/hold"; then
        fail "stop: no event streams: $(cat "$scratch/hold")"
    fi
    seconds=$SECONDS
    terminate "stop: the server" "$server" || code=$?
    server=
    if ((code == 0)); then
        echo "ok stop: exit code 0, $((SECONDS - seconds)) s after SIGTERM, with streams open"
    else
        fail "stop: exit code $code: $(tail -n 5 "$scratch/server")"
    fi
    if ! poll 5 gone "$holder"; then
        fail "stop: an event stream outlives the server"
        kill -KILL "$holder"
    fi
    code=0
    wait "$holder" || code=$?
    holder=
    if ((code == 0)); then
        echo "ok stop: the event streams were ended properly"
    else
        fail "stop: not both event streams were ended: $(tail -n 3 "$scratch/hold")"
    fi
}

prepare mcp1-9
prepare mcp1
prepare mcp2
prepare_node
python=$here/.venv-mcp1/bin/python

if (($# > 0)); then
    url=${1%/}
    poll 15 answers "$url" || {
        echo "no server answers at $url"
        exit 1
    }
else
    echo "building the everything example"
    build_everything
    start_everything --listen 127.0.0.1:0 || exit 1
fi
echo "checking $url"

met
clients "alone"
start_crowd
clients "beside 50 busy sessions"
echo "== the busy sessions"
stop_crowd

if [[ -n $server ]]; then
    echo "== stop"
    if gone "$server"; then
        fail "the server died: $(tail -n 5 "$scratch/server")"
        server=
    else
        stop
    fi
fi

summary
