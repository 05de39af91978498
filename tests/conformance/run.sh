#!/usr/bin/env bash
# Judges the everything example with the official conformance suites.
#
#   run.sh                     builds and starts the example, judges it, and stops it
#   run.sh URL                 judges a running server, for example http://127.0.0.1:8000/mcp
#   run.sh URL REVISION...     judges only these revisions, with the later suite
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

# judge PACKAGE [REVISION]: runs every scenario, or every scenario of this revision. `all` includes pending
# scenarios, which the suite runs but does not score, and excludes extensions.
judge() {
    local package=$1 revision=${2:-} program version run at=()
    program=$here/node_modules/$package/dist/index.js
    version=$("$node" -p 'require(process.argv[1]).version' "$here/node_modules/$package/package.json")
    run=$version${revision:+@$revision}
    [[ -z $revision ]] || at=(--spec-version "$revision")
    echo "== suite $version${revision:+, revision $revision}"
    rm -rf "${results:?}/$run"
    mkdir -p "$results/$run/checks"
    "$node" "$program" list --server "${at[@]}" >"$results/$run/scenarios"
    # The exit code of the suite ignores warnings, so the verdict uses its results.
    "$node" "$program" server --url "$url" --suite all "${at[@]}" -o "$results/$run/checks" \
        >"$results/$run/log" 2>&1 &
    suite=$!
    if ! poll 600 gone "$suite"; then
        echo "the suite is still running after 600 s"
        kill -KILL "$suite"
    fi
    wait "$suite" || true
    suite=
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
    set -- 2025-03-26 2025-06-18 2025-11-25 2026-07-28
fi
for revision; do
    judge conformance-next "$revision"
done

if [[ -n $server ]]; then
    code=0
    terminate "the server" "$server" || code=$?
    server=
    ((code == 0)) || fail "the exit code of the server is $code: $(tail -n 5 "$scratch/server")"
fi

summary
