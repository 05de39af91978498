#!/usr/bin/env bash
# Checks the ways to reach the everything example: over TLS, over HTTP/2, on a Unix socket, and as a command on standard
# input and output. The clients are the Python SDK 1.x and 2.x, FastMCP, the TypeScript SDK 1.x and 2.x, @ai-sdk/mcp, the
# command line of the Inspector, and curl.
#
#   ways.sh        builds and starts the example, checks it, and stops it
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
declare -A servers

# shellcheck source=../everything.sh
source "$here/../everything.sh"
# shellcheck source=packages.sh
source "$here/packages.sh"

cleanup() {
    local pid
    for pid in "${servers[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# start NAME ARGUMENT...: starts the example, and sets `url`.
start() {
    local name=$1 server scratch=$scratch/$1
    shift
    mkdir "$scratch"
    start_everything "$@" || exit 1
    servers[$name]=$server
}

# run NAME COMMAND...: one client in all its ways.
run() {
    local name=$1
    shift
    echo "== $name"
    # What this process trusts is the authority of the server alone.
    SSL_CERT_FILE=$authority NODE_EXTRA_CA_CERTS=$authority "$@" "$tls" "$clear" "$socket" "$binary" || fail "$name"
}

# step NAME TEXT COMMAND...: the output of the command has to contain the text.
step() {
    local name=$1 text=$2 output
    shift 2
    if output=$(NODE_EXTRA_CA_CERTS=$authority timeout 20 "$@" 2>&1) && [[ $output == *"$text"* ]]; then
        echo "ok $name"
    else
        fail "$name: expected $text, not $output"
    fi
}

# inspector NAME TARGET ARGUMENT...
inspector() {
    local name=$1 tool=(--method tools/call --tool-name)
    shift
    local cli=("$node" "$here/node_modules/.bin/mcp-inspector" --cli "$@")
    step "$name: list" '"echo_tool"' "${cli[@]}" --method tools/list
    step "$name: call" 'Tool echo: hi' "${cli[@]}" "${tool[@]}" echo_tool --tool-arg message=hi
    step "$name: error" '"isError": true' "${cli[@]}" "${tool[@]}" test_error_handling
}

initialize='{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-11-25",
    "capabilities": {}, "clientInfo": {"name": "curl", "version": "1"}}}'

# by_curl NAME PROTOCOL URL ARGUMENT...: a call, and the first event of a stream, in this version of HTTP.
by_curl() {
    local name=$1 protocol=$2 url=$3
    shift 3
    local curl=(curl -sS --noproxy '*' --cacert "$authority" "$@" -w ' in HTTP/%{http_version}')
    local accept='Accept: application/json, text/event-stream'
    step "$name: initialize" "\"Everything\"" \
        "${curl[@]}" -H 'Content-Type: application/json' -H "$accept" -d "$initialize" "$url/mcp"
    step "$name: the protocol" " in HTTP/$protocol" "${curl[@]}" -X OPTIONS "$url/mcp"
    # The stream goes on, so curl ends by its time-out.
    step "$name: a stream" '/messages/?session_id=' sh -c '"$@" || test $? = 28' sh "${curl[@]}" -N -m 1 "$url/sse"
}

for name in mcp1 mcp2 fastmcp; do
    prepare "$name"
done
prepare_node
echo "building the everything example"
build_everything

start tls --listen 127.0.0.1:0 --tls --http2
tls=$url
authority=$(grep -o '/[^ ]*/ca.pem' "$scratch/tls/server")
start clear --listen 127.0.0.1:0 --http2
clear=$url
socket=$scratch/socket
start unix --unix "$socket" --http2

for name in mcp1 mcp2; do
    run "$(head -n 1 "$here/requirements-$name.txt")" "$here/.venv-$name/bin/python" "$here/ways.py" sdk
done
run "$(head -n 1 "$here/requirements-fastmcp.txt")" "$here/.venv-fastmcp/bin/python" "$here/ways.py" fastmcp
for generation in 1 2; do
    run "the TypeScript SDK $generation.x" "$node" "$here/ways.mjs" "$generation"
done
run "@ai-sdk/mcp" "$node" "$here/ways.mjs" ai-sdk

echo "== the Inspector"
inspector "TLS" "$tls/mcp" --transport http
inspector "TLS, /sse" "$tls/sse" --transport sse
inspector "stdio" "$binary" --stdio

echo "== curl"
by_curl "TLS" 1.1 "$tls" --http1.1
by_curl "TLS, HTTP/2" 2 "$tls" --http2
by_curl "HTTP/2 by prior knowledge" 2 "$clear" --http2-prior-knowledge
by_curl "an upgrade to HTTP/2 that is not taken" 1.1 "$clear" --http2
by_curl "Unix socket" 1.1 http://localhost --unix-socket "$socket"
by_curl "Unix socket, HTTP/2" 2 http://localhost --unix-socket "$socket" --http2-prior-knowledge

echo "== stop"
for name in "${!servers[@]}"; do
    pid=${servers[$name]} code=0
    unset "servers[$name]"
    terminate "$name" "$pid" || code=$?
    ((code == 0)) || fail "the exit code of $name is $code: $(tail -n 5 "$scratch/$name/server")"
done
for left in "$authority" "$socket"; do
    [[ ! -e $left ]] || fail "$left is left over"
done

summary
