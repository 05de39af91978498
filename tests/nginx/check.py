"""Checks through nginx the servers that run.sh has started. Uses only the standard library of Python.

    check.py streams            every kind of stream, at every site
    check.py short              quiet streams outlive a proxy_read_timeout of 3 s, given keep-alives
    check.py long               quiet streams outlive the default timeouts
    check.py http2              streams over HTTP/2 to nginx
    check.py sessions           sessions, hosts, bodies
    check.py before             opens sessions, prints them, waits for their end
    check.py down               while the server is down
    check.py after SESSIONS     the server is back, and the sessions in that file are not
    check.py balanced           two processes without affinity
    check.py portable           two processes without affinity, whose sessions are portable
    check.py opened             opens a session there and prints it
    check.py goes_on SESSION    the session in that file is still had
    check.py one_gone           the same while one of the two is gone

It prints `ok` or `FAIL` for each step and exits with 0 only if all passed.
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import http2
import sessions
import streams
from client import Late, Site

KEPT = Site("mcp.example.com", "/api/mcp")
STRIPPED = Site("mcp.example.com", "/tools")
WHOLE = Site("whole.example.com")
BARE = Site("bare.example.com")
STICKY = Site("sticky.example.com")
SHORT = Site("short.example.com")
QUIET = Site("quiet.example.com")
BALANCED = Site("localhost")
TURNS = Site("turns.example.com")

TRIES = 5
SHORT_TIMEOUT = 3
DEFAULT_TIMEOUT = 60


def step(name, check, *arguments):
    """A step: a name and a function."""

    def run():
        for _ in range(TRIES - 1):
            try:
                return check(*arguments)
            except Late as late:
                print(f"again: {name}: {late}", flush=True)
        return check(*arguments)

    return name, run


def of_sites(sites, checks):
    return [step(f"{site}: {check.__name__}", check, site) for site in sites for check in checks]


def all_streams():
    return of_sites((KEPT, STRIPPED, WHOLE, BARE, STICKY), streams.EVERY)


def short():
    held = [
        step(f"{kind.__name__} beyond a timeout of {SHORT_TIMEOUT} s", streams.lives, kind, SHORT, 3 * SHORT_TIMEOUT)
        for kind in streams.QUIET
    ]
    # Without keep-alives nginx cuts the streams, which shows that the steps above can fail.
    cut = [
        step(f"{kind.__name__} without keep-alive", streams.is_cut, kind, QUIET, 3 * SHORT_TIMEOUT)
        for kind in streams.QUIET
    ]
    return held + cut


def long():
    return [
        step(f"{site}: {kind.__name__} beyond the default timeouts", streams.lives, kind, site, DEFAULT_TIMEOUT + 5)
        for site in (BARE, KEPT)
        for kind in streams.QUIET
    ]


def all_sessions():
    steps = of_sites((KEPT, STRIPPED, WHOLE, BARE, STICKY), (sessions.lifetime, sessions.slashes))
    steps += of_sites((KEPT, STRIPPED, WHOLE), (sessions.hosts, sessions.bodies))
    steps += of_sites((KEPT, STRIPPED), (sessions.unknown_host,))
    return steps + of_sites((BARE,), (sessions.hosts_of_nginx, sessions.bodies_of_nginx))


def balanced():
    return of_sites((BALANCED,), (sessions.many, sessions.without_sessions))


def run(steps):
    """Runs all of them concurrently, because most of them wait."""
    failed = 0
    with ThreadPoolExecutor(len(steps)) as pool:
        running = [(name, pool.submit(check)) for name, check in steps]
        for name, future in running:
            try:
                told = future.result()
            except Exception as error:
                failed += 1
                print(f"FAIL {name}: {type(error).__name__}: {error}", flush=True)
            else:
                print(f"ok {name}{f': {told}' if told else ''}", flush=True)
    print(f"{len(steps) - failed} ok, {failed} failed", flush=True)
    return 1 if failed else 0


def main(arguments):
    match arguments:
        case ["streams"]:
            return run(all_streams())
        case ["short"]:
            return run(short())
        case ["long"]:
            return run(long())
        case ["http2"]:
            if not http2.supported():
                return print("this curl has no HTTP/2: skipped")
            return run(of_sites((KEPT, BARE), http2.EVERY))
        case ["sessions"]:
            return run(all_sessions())
        case ["before"]:
            return sessions.before(STRIPPED)
        case ["down"]:
            return run([step("the server is down", sessions.down, STRIPPED)])
        case ["after", lost]:
            with open(lost) as file:
                lost = json.load(file)
            return run([step("the server is back", sessions.after, STRIPPED, lost)])
        case ["balanced"]:
            # Runs alone, so that consecutive rounds reach the two processes in turn.
            return run(of_sites((BALANCED,), (sessions.other_process,))) or run(balanced())
        case ["portable"]:
            return run(of_sites((TURNS,), (sessions.taking_turns,)))
        case ["opened"]:
            return sessions.opened(TURNS)
        case ["goes_on", opened]:
            with open(opened) as file:
                opened = json.load(file)
            return run([step("the session goes on", sessions.goes_on, TURNS, opened)])
        case ["one_gone"]:
            return run(of_sites((BALANCED,), (sessions.many,)))
    return __doc__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
