"""Checks a running everything server with the installed MCP Python SDK, 1.x or 2.x.

    client.py check URL    runs every step, prints `ok` or `FAIL` for each, exits 1 on a failure
    client.py hold URL     opens a stream at /sse and one at /mcp, prints `open`, waits until the server ends both
    client.py busy N URL   calls tools in N sessions until SIGTERM, exits 1 on a wrong answer
"""

import sys

import anyio
import busy
import sse
import streamable
from report import Report
from sdk import SDK, httpx

ALL_SECONDS = 400


async def check(url):
    report = Report()
    with anyio.move_on_after(ALL_SECONDS) as scope:
        for at, groups in (("/sse: ", sse.GROUPS), ("/mcp: ", streamable.GROUPS)):
            for group in groups:
                report.at = at
                try:
                    await group(report, url)
                except Exception as error:
                    report.fail(report.at + group.__name__, error)
    if scope.cancelled_caught:
        report.fail("everything", TimeoutError(f"not done after {ALL_SECONDS} s"))
    print(f"mcp {SDK}: {report.passed} ok, {len(report.failed)} failed", flush=True)
    return 1 if report.failed else 0


async def hold(url):
    held, _, _, _ = await sse.first_event(url)
    async with httpx.AsyncClient(timeout=10) as http:
        session = busy.Session(http, url)
        await session.open()
        headers = f"Mcp-Session-Id: {session.headers['Mcp-Session-Id']}\r\n"
        standalone, _, _, _ = await sse.open_stream(url, "/mcp", rb"^HTTP/1.1 200 [^\0]*?\r\n\r\n", headers)
        ended = []
        async with anyio.create_task_group() as group:
            group.start_soon(until_ended, held, "/sse", ended)
            group.start_soon(until_ended, standalone, "/mcp", ended)
            print("open", flush=True)
    return 0 if len(ended) == 2 else 1


async def until_ended(stream, path, ended):
    tail = b""
    async with stream:
        try:
            while True:
                tail = (tail + await stream.receive())[-64:]
        except anyio.EndOfStream:
            pass
        except anyio.BrokenResourceError:
            print(f"{path}: reset by the server", flush=True)
            return
    if tail.endswith(b"0\r\n\r\n"):
        ended.append(path)
    else:
        print(f"{path}: cut without the last chunk, after {tail!r}", flush=True)


def main(arguments):
    match arguments:
        case ["check", url]:
            return anyio.run(check, url.rstrip("/"))
        case ["hold", url]:
            return anyio.run(hold, url.rstrip("/"))
        case ["busy", sessions, url]:
            return anyio.run(busy.busy, url.rstrip("/"), int(sessions))
    return __doc__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
