#!/usr/bin/env bash
# Judges the everything example with the official conformance suites.
#
#   run.sh                     builds and starts the example, judges it, and stops it
#   run.sh URL                 judges a running server, for example http://127.0.0.1:8000/mcp
#   run.sh URL PART...         judges only these revisions, or `extensions`, with the later suite
#
# KEEP names a folder for the results and logs of the suites, KNOWN_FAILURES another list of known failures.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
results=${KEEP:-$scratch/results}
server=
suite=

# shellcheck source=../everything.sh
source "$here/../everything.sh"

cleanup() {
    local pid
    for pid in $suite $server; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The later suite needs Node 22. If the pinned one does not run on this machine, the installed one is used.
pick_node() {
    node=$here/node_modules/.bin/node
    [[ -x $node ]] || node=$(command -v node)
}

# suite ARGUMENT...: runs the suite, and adds its output to the log. Its exit code ignores warnings, so the verdict uses
# its results.
suite() {
    "$node" "$program" server --url "$url" -o "$results/$run/checks" "$@" >>"$results/$run/log" 2>&1 &
    suite=$!
    if ! poll 600 gone "$suite"; then
        echo "the suite is still running after 600 s"
        kill -KILL "$suite"
    fi
    wait "$suite" || true
    suite=
}

# judge PACKAGE [REVISION|extensions]: runs every scenario, or every scenario of this revision, or those of the
# extensions. The suite selects an extension only by the name of each scenario, and skips it without --force.
judge() {
    local package=$1 part=${2:-} program version run scenario at=()
    program=$here/node_modules/$package/dist/index.js
    version=$("$node" -p 'require(process.argv[1]).version' "$here/node_modules/$package/package.json")
    run=$version${part:+@$part}
    echo "== suite $run"
    rm -rf "${results:?}/$run"
    mkdir -p "$results/$run/checks"
    if [[ $part == extensions ]]; then
        "$node" "$program" list --server | grep -F '[extension]' >"$results/$run/scenarios"
        while read -r _ scenario _; do
            echo "=== Running scenario: $scenario ===" >>"$results/$run/log"
            suite --scenario "$scenario" --spec-version 2026-07-28 --force
        done <"$results/$run/scenarios"
    else
        [[ -z $part ]] || at=(--spec-version "$part")
        "$node" "$program" list --server "${at[@]}" | grep -vF '[extension]' >"$results/$run/scenarios"
        # `all` has the pending scenarios, which the suite runs but does not score.
        suite --suite all "${at[@]}"
    fi
    "$node" "$here/verdict.mjs" "$results/$run" "$run" "${KNOWN_FAILURES:-$here/known-failures.txt}" || fail "$run"
}

npm_packages "$here"
pick_node

if (($# > 0)); then
    url=$1
    shift
else
    echo "building the everything example"
    build_everything
    start_everything --listen 127.0.0.1:0 || exit 1
    url=$url/mcp
fi
echo "judging $url"

if (($# == 0)); then
    judge conformance-latest
    set -- 2025-03-26 2025-06-18 2025-11-25 2026-07-28 extensions
fi
for part; do
    judge conformance-next "$part"
done

if [[ -n $server ]]; then
    code=0
    terminate "the server" "$server" || code=$?
    server=
    ((code == 0)) || fail "the exit code of the server is $code: $(tail -n 5 "$scratch/server")"
fi

summary
