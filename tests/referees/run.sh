#!/usr/bin/env bash
# Judges the everything example with two testers of MCP servers from PyPI, mcp-assert and mcp-conform.
#
#   run.sh         builds and starts the example, judges it, and stops it
#   run.sh URL     judges a running server, for example http://127.0.0.1:8000
#
# PYTHON names the interpreter for the virtual environment (default: python3). KEEP names a folder for the results.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
results=${KEEP:-$scratch/results}
venv=$here/.venv
server=
tester=

# shellcheck source=../everything.sh
source "$here/../everything.sh"

cleanup() {
    local pid
    for pid in $tester $server; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# intact: whether the environment works and has exactly the pinned packages.
intact() {
    "$venv/bin/python" - "$here/requirements.txt" 2>/dev/null <<'PYTHON'
import sys
from importlib.metadata import version

for line in open(sys.argv[1]):
    name, _, wanted = line.strip().partition("==")
    if name and version(name) != wanted:
        sys.exit(1)
PYTHON
}

prepare() {
    intact && return
    echo "installing $(paste -sd ' ' "$here/requirements.txt")"
    rm -rf "$venv"
    "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    intact
}

# judge NAME COMMAND...: runs a tester, whose output is JSON. Its exit code is ignored: an audit with a failure
# exits with 0.
judge() {
    local name=$1
    shift
    "$@" >"$results/$name.json" 2>"$results/$name.log" &
    tester=$!
    if ! poll 120 gone "$tester"; then
        fail "$name is still running after 120 s"
        kill -KILL "$tester"
    fi
    wait "$tester" || true
    tester=
}

prepare
mkdir -p "$results"
if (($# > 0)); then
    url=${1%/}
else
    echo "building the everything example"
    build_everything
    start_everything --listen 127.0.0.1:0 || exit 1
fi
echo "judging $url"

judge conform "$venv/bin/mcp-conform" server --transport http --url "$url" --format json
for transport in http sse; do
    path=mcp
    [[ $transport == http ]] || path=sse
    at=(--server "$url/$path" --transport "$transport" --json)
    judge "audit-$transport" "$venv/bin/mcp-assert" audit "${at[@]}" --include-writes
    # A seed, so that a failure can be repeated.
    judge "fuzz-$transport" "$venv/bin/mcp-assert" fuzz "${at[@]}" --runs 25 --seed 20260728
    judge "lint-$transport" "$venv/bin/mcp-assert" lint "${at[@]}" --call-tools
done
"$venv/bin/python" "$here/verdict.py" "$results" "$here/known-failures.txt" || fail "the verdict"

if [[ -n $server ]]; then
    code=0
    terminate "the server" "$server" || code=$?
    server=
    ((code == 0)) || fail "the exit code of the server is $code: $(tail -n 5 "$scratch/server")"
fi

summary
