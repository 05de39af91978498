#!/usr/bin/env bash
# Checks the everything example behind a real nginx with TLS and with the default buffering and timeouts: streams,
# sessions, a restart, two processes without affinity. The location blocks are those of docs/nginx.md.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
scratch=$(mktemp -d)
PATH=$PATH:/usr/sbin
python=${PYTHON:-python3}
declare -A port servers
nginx=
others=()

# shellcheck source=../everything.sh
source "$here/../everything.sh"

cleanup() {
    local pid
    for pid in "${others[@]}" "${servers[@]}"; do
        kill -KILL "$pid" 2>/dev/null || true
    done
    # The master process stops its workers only on SIGTERM.
    if [[ -n $nginx ]] && kill -TERM "$nginx" 2>/dev/null; then
        poll 5 gone "$nginx" || kill -KILL "$nginx"
    fi
    rm -rf "$scratch"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

install() {
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

certificate() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=mcp \
        -addext 'subjectAltName=DNS:localhost,DNS:mcp.example.com,DNS:*.example.com' \
        -keyout "$scratch/key.pem" -out "$scratch/cert.pem" 2>"$scratch/openssl" || {
        cat "$scratch/openssl"
        return 1
    }
}

# free_ports NAME...: chooses a free port for each name.
free_ports() {
    local name
    while read -r name number; do
        port[$name]=$number
    done < <("$python" - "$@" <<'PYTHON'
import socket, sys

sockets = [socket.create_server(("127.0.0.1", 0)) for _ in sys.argv[1:]]
for name, held in zip(sys.argv[1:], sockets):
    print(name, held.getsockname()[1])
PYTHON
    )
}

# documented BLOCK FROM TO [FROM TO]: prints a block of docs/nginx.md, with the ports replaced.
documented() {
    local text
    text=$(awk -v fence="\`\`\`nginx $1" '$0 == fence { on = 1; next } /^```/ { on = 0 } on' "$root/docs/nginx.md")
    [[ -n $text ]] || {
        echo "docs/nginx.md has no block \"$1\"" >&2
        return 1
    }
    shift
    while (($# > 1)); do
        text=${text//127.0.0.1:$1/127.0.0.1:$2}
        shift 2
    done
    printf '%s\n' "$text"
}

# site NAME LINE...: prints a server block.
site() {
    printf 'server {\n    listen 127.0.0.1:%s ssl http2;\n    server_name %s;\n' "${port[nginx]}" "$1"
    shift
    printf '%s\n' "$@" '}'
}

# Settings that are not here have the values of Debian's nginx.conf, or the defaults of nginx.
configuration() {
    local name bare="proxy_pass http://127.0.0.1:${port[bare]};"
    cat <<CONF
daemon off;
pid $scratch/nginx.pid;
error_log $scratch/error.log info;
# One worker, because each worker takes turns between the upstreams on its own.
worker_processes 1;
events {}
http {
    sendfile on;
    tcp_nopush on;
    gzip on;
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format upstreams '\$server_name \$upstream_addr';
    access_log $scratch/access.log upstreams;
    ssl_certificate $scratch/cert.pem;
    ssl_certificate_key $scratch/key.pem;
CONF
    for name in client_body proxy fastcgi uwsgi scgi; do
        echo "    ${name}_temp_path $scratch/$name;"
    done
    documented balanced 8001 "${port[one]}" 8002 "${port[other]}"
    documented balanced 8001 "${port[first]}" 8002 "${port[second]}" | sed 's/upstream mcp /upstream mcp_turns /'
    documented portable 8001 "${port[first]}" 8002 "${port[second]}"
    documented sticky 8001 "${port[left]}" 8002 "${port[right]}"
    site mcp.example.com "$(documented kept 8000 "${port[kept]}")" "$(documented stripped 8000 "${port[stripped]}")"
    site whole.example.com "$(documented whole 8000 "${port[whole]}")"
    site bare.example.com "location / { $bare }"
    site sticky.example.com "$(documented pooled | sed 's/http:\/\/mcp;/http:\/\/mcp_sessions;/')"
    # Also without TLS, which some scenarios of the conformance suite do not support.
    site localhost "listen 127.0.0.1:${port[plain]};" 'add_header X-Upstream $upstream_addr;' "$(documented pooled)"
    site turns.example.com 'add_header X-Upstream $upstream_addr;' \
        "$(documented pooled | sed 's/http:\/\/mcp;/http:\/\/mcp_turns;/')"
    # The only server at its port without TLS, so it serves every name.
    site portable.example.com "listen 127.0.0.1:${port[portable]};" \
        "$(documented pooled | sed 's/http:\/\/mcp;/http:\/\/mcp_portable;/')"
    # A shorter timeout of nginx: once above the keep-alive period of the server, once below it.
    site short.example.com "location / { proxy_pass http://127.0.0.1:${port[short]}; proxy_read_timeout 3s; }"
    site quiet.example.com "location / { $bare proxy_read_timeout 3s; }"
    echo "}"
}

listens() { grep -qs 'start worker process ' "$scratch/error.log"; }
nginx_up_or_gone() { listens || gone "$nginx"; }

start_nginx() {
    configuration >"$scratch/nginx.conf"
    # If the master runs as root, the worker is another user.
    chmod 755 "$scratch"
    nginx -p "$scratch" -e "$scratch/error.log" -c "$scratch/nginx.conf" >"$scratch/nginx" 2>&1 &
    nginx=$!
    if ! poll 15 nginx_up_or_gone || gone "$nginx"; then
        echo "nginx did not start: $(tail -n 5 "$scratch/nginx" "$scratch/error.log")"
        return 1
    fi
}

# start NAME ARGUMENT...: starts the example on the port of this name.
start() {
    local name=$1 server url scratch=$scratch/$1
    shift
    mkdir -p "$scratch"
    rm -f "$scratch/server"
    start_everything --listen "127.0.0.1:${port[$name]}" "$@"
    servers[$name]=$server
}

# stop NAME: stops a process gracefully.
stop() {
    local pid=${servers[$1]} code=0
    unset "servers[$1]"
    terminate "$1" "$pid" || code=$?
    ((code == 0)) || fail "the exit code of $1 is $code: $(tail -n 5 "$scratch/$1/server")"
}

# crash NAME: kills a process.
crash() {
    local pid=${servers[$1]}
    unset "servers[$1]"
    kill -KILL "$pid"
    wait "$pid" 2>/dev/null || true
}

check() {
    echo "== $*"
    "$python" "$here/check.py" "$@" || fail "$*"
}

restart() {
    local holder
    "$python" "$here/check.py" before >"$scratch/lost" 2>"$scratch/before" &
    holder=$!
    others+=("$holder")
    if ! poll 10 test -s "$scratch/lost"; then
        fail "restart: the sessions did not open: $(cat "$scratch/before")"
        return
    fi
    crash stripped
    check down
    poll 10 gone "$holder" || fail "restart: the streams outlive the server"
    start stripped --public-prefix /tools --allowed-host mcp.example.com
    check after "$scratch/lost"
}

# conformance WHAT PORT NAME NAME REVISION...: runs the official suites against two processes that share a secret
# and notify each other of changes. KNOWN_FAILURES is as in ../conformance/run.sh.
conformance() {
    local what="conformance, $1" at=$2 name count
    local names=("$3" "$4")
    shift 4
    echo "== $what"
    bash "$here/../conformance/run.sh" "http://localhost:${port[$at]}/mcp" "$@" || fail "$what"
    # Shows that both processes answered.
    for name in "${names[@]}"; do
        count=$(grep -c " 127.0.0.1:${port[$name]}$" "$scratch/access.log" || true)
        echo "$count requests to $name"
        ((count > 50)) || fail "$what: $name had too few requests"
    done
}

start_portable() {
    start "$1" --allowed-host localhost --allowed-host turns.example.com --peer "127.0.0.1:${port[$2]}"
}

# A session continues after the process that opened it was killed, and at new processes. Then the whole suite runs.
# The answer of a client has to reach the process that asked, so the session id selects the process.
portable() {
    check portable
    "$python" "$here/check.py" opened >"$scratch/opened" || fail "portable: the session did not open"
    crash first
    check goes_on "$scratch/opened"
    crash second
    start_portable first second
    start_portable second first
    check goes_on "$scratch/opened"
    conformance "two processes, portable sessions" portable first second 2025-03-26 2025-06-18 2025-11-25
}

type nginx >/dev/null || install nginx
type openssl >/dev/null || install openssl
type curl >/dev/null || install curl
nginx -v
echo "building the everything example"
build_everything
certificate
free_ports nginx plain kept stripped whole bare left right short one other portable first second
export CA=$scratch/cert.pem PORT=${port[nginx]}
start kept --mount /api/mcp --allowed-host mcp.example.com
start stripped --public-prefix /tools --allowed-host mcp.example.com
start whole --allowed-host whole.example.com
start bare
start left --allowed-host sticky.example.com
start right --allowed-host sticky.example.com
start short --keep-alive 1
STATE_SECRET=$(openssl rand -hex 32)
export STATE_SECRET
start one --without-sessions --allowed-host localhost --peer "127.0.0.1:${port[other]}"
start other --without-sessions --allowed-host localhost --peer "127.0.0.1:${port[one]}"
start_portable first second
start_portable second first
start_nginx

"$python" "$here/check.py" long >"$scratch/long" 2>&1 &
long=$!
others+=("$long")
check streams
check http2
check short
check sessions
restart
check balanced
KNOWN_FAILURES=$here/known-failures.txt conformance "two processes in turn" plain one other 2025-06-18 2025-11-25 2026-07-28
portable
stop other
check one_gone

echo "== long"
poll 240 gone "$long" || fail "long: still running"
wait "$long" || fail "long"
cat "$scratch/long"

for name in "${!servers[@]}"; do
    stop "$name"
done
kill -QUIT "$nginx"
poll 15 gone "$nginx" || fail "nginx did not stop"
wait "$nginx" || fail "nginx stopped with an error"
nginx=
if grep -E '\[(crit|alert|emerg)\]' "$scratch/error.log"; then
    fail "errors of nginx"
fi

summary
