# Sourced by the run.sh of conformance, interop and nginx: starts the everything example, waits within
# bounds. The caller has set `root` (the repository) and `scratch` (a temporary folder).

# poll SECONDS COMMAND...: repeats the command until it succeeds, or fails when time is up.
poll() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

gone() { ! kill -0 "$1" 2>/dev/null; }

says_its_urls_or_gone() {
    { grep -qs 'http://[^ "]*/mcp' "$scratch/server" && grep -qs 'http://[^ "]*/sse' "$scratch/server"; } || gone "$server"
}

# EVERYTHING names a binary that was built before.
build_everything() {
    if [[ -n ${EVERYTHING:-} ]]; then
        binary=$(cd "$root" && realpath "$EVERYTHING")
        return
    fi
    (cd "$root" && cargo build --all-features --example everything)
    binary=$(cd "$root" && realpath "${CARGO_TARGET_DIR:-target}")/debug/examples/everything
}

# start_everything ARGUMENT...: starts it on a free port; sets `server` and `url`, which has no path.
start_everything() {
    "$binary" --listen 127.0.0.1:0 "$@" >"$scratch/server" 2>&1 &
    server=$!
    if ! poll 15 says_its_urls_or_gone || gone "$server"; then
        echo "the server did not start: $(tail -n 5 "$scratch/server")"
        return 1
    fi
    url=$(grep -m 1 -o 'http://[^ "]*/mcp' "$scratch/server")
    url=${url%/mcp}
}

# npm_packages FOLDER: installs exactly what the lock in the folder names, unless that is there.
npm_packages() {
    local stamp=$1/node_modules/.installed
    cmp -s "$1/package-lock.json" "$stamp" && return
    echo "installing the packages of ${1#"$root/"}/package-lock.json"
    (cd "$1" && npm ci --no-audit --no-fund --loglevel=error)
    cp "$1/package-lock.json" "$stamp"
}
