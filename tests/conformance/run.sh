#!/usr/bin/env bash
# Judges the everything example with the official conformance suites.
#
#   run.sh                     builds and starts the example, judges it, stops it
#   run.sh URL                 judges a server that runs already, such as http://127.0.0.1:8000/mcp
#   run.sh URL REVISION...     the same at these revisions only, by the later suite
#
# KEEP names a folder where the suites' own results and logs stay, KNOWN_FAILURES another list of them.
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

# The later suite needs Node 22. Where no pinned one fits the machine, the machine's own has to do.
pick_node() {
    node=$here/node_modules/.bin/node
    [[ -x $node ]] || node=$(command -v node)
}

# judge PACKAGE [REVISION]: every scenario there is, or that there is at this revision. `all` has the
# pending ones too, which the suite runs but does not score, and of the extensions none.
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
    # Its exit code says less than its results do: it does not count warnings.
    "$node" "$program" server --url "$url" --suite all "${at[@]}" -o "$results/$run/checks" \
        >"$results/$run/log" 2>&1 &
    suite=$!
    if ! poll 600 gone "$suite"; then
        echo "the suite is not done after 600 s"
        kill -KILL "$suite"
    fi
    wait "$suite" || true
    suite=
    "$node" "$here/verdict.mjs" "$results/$run" "$run" "${KNOWN_FAILURES:-$here/known-failures.txt}" || failed+=("$run")
}

npm_packages "$here"
pick_node

if (($# > 0)); then
    url=$1
    shift
else
    echo "building the everything example"
    build_everything
    start_everything || exit 1
    url=$url/mcp
fi
echo "judging $url"

failed=()
if (($# == 0)); then
    judge conformance-latest
    set -- 2025-03-26 2025-06-18 2025-11-25 2026-07-28
fi
for revision; do
    judge conformance-next "$revision"
done

if [[ -n $server ]]; then
    code=0
    kill -TERM "$server" 2>/dev/null || true
    poll 15 gone "$server" || kill -KILL "$server"
    wait "$server" || code=$?
    server=
    if ((code != 0)); then
        echo "the server's exit code is $code: $(tail -n 5 "$scratch/server")"
        failed+=("the server's end")
    fi
fi

echo "== summary"
if ((${#failed[@]} > 0)); then
    printf 'failed: %s\n' "${failed[@]}"
    exit 1
fi
echo "all passed"
