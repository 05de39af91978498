# Shared by the run.sh of conformance, referees, interop and nginx: starts and stops the everything example, and reports
# failures. The caller has set `root` (the repository) and `scratch` (a temporary folder).

failures=()

fail() {
    printf 'FAIL %s\n' "$*"
    failures+=("$*")
}

# summary: lists the failures, and exits with 1 if there are any.
summary() {
    echo "== summary"
    if ((${#failures[@]} > 0)); then
        printf 'failed: %s\n' "${failures[@]}"
        exit 1
    fi
    echo "all passed"
}

# poll SECONDS COMMAND...: repeats the command until it succeeds; fails after this time.
poll() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

# terminate NAME PID: sends SIGTERM, and SIGKILL after 15 s. Returns the exit code of the process.
terminate() {
    kill -TERM "$2" 2>/dev/null || true
    if ! poll 15 gone "$2"; then
        fail "$1 is still running 15 s after SIGTERM"
        kill -KILL "$2"
    fi
    wait "$2"
}

printed_urls_or_gone() {
    { grep -qs 'https\?://[^ "]*/mcp' "$scratch/server" && grep -qs 'https\?://[^ "]*/sse' "$scratch/server"; } || gone "$server"
}

# EVERYTHING names a binary that was built before.
build_everything() {
    if [[ -n ${EVERYTHING:-} ]]; then
        binary=$(cd "$root" && realpath "$EVERYTHING")
        return
    fi
    (cd "$root" && cargo build --package everything --features tls,http2)
    binary=$(cd "$root" && realpath "${CARGO_TARGET_DIR:-target}")/debug/everything
}

# start_everything ARGUMENT...: starts the example. Sets `server` to its process and `url` to its URL without a path.
start_everything() {
    "$binary" "$@" >"$scratch/server" 2>&1 &
    server=$!
    if ! poll 15 printed_urls_or_gone || gone "$server"; then
        echo "the server did not start: $(tail -n 5 "$scratch/server")"
        return 1
    fi
    url=$(grep -m 1 -o 'https\?://[^ "]*/mcp' "$scratch/server")
    url=${url%/mcp}
}

# npm_packages FOLDER: installs exactly the packages of the lock file, unless they are installed already.
npm_packages() {
    local stamp=$1/node_modules/.installed
    cmp -s "$1/package-lock.json" "$stamp" && return
    echo "installing the packages of ${1#"$root/"}/package-lock.json"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$1/package-lock.json" "$stamp"
}
