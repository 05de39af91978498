"""Checks what clients in use met, with whichever MCP Python SDK is installed, from 1.9 on.

    met.py URL    runs every step, prints `ok` or `FAIL` for each, exits 1 on a failure
"""

import importlib.metadata
import json
import sys

import anyio
import mcp.client.streamable_http as streamable_http
from mcp.client.session import ClientSession
from mcp.client.sse import sse_client
from report import Report, same, true

# Python ends lines at all of these, and so did httpx-sse up to 0.4.1.
LINES = "a\u0085b\u2028c\u2029d"
# The number of requests that a session may run.
ROOM = 64
ALL_SECONDS = 100


def text_of(result):
    return result.content[0].text


async def check_lines(report, url):
    async with report.step("text with line breaks of Unicode arrives over /sse"):
        async with sse_client(f"{url}/sse") as streams, ClientSession(*streams) as session:
            await session.initialize()
            echoed = await session.call_tool("echo_tool", {"message": LINES})
            same(text_of(echoed), f"Tool echo: {LINES}", "echo")


async def check_refusal(report, url):
    async with report.step("a refused call costs no other call and not the session over /sse"):
        async with sse_client(f"{url}/sse") as streams, ClientSession(*streams) as session:
            await session.initialize()
            ends = []

            async def call():
                try:
                    ends.append(text_of(await session.call_tool("slow_tool", {"ms": 1500})))
                except Exception as error:
                    ends.append(str(error))

            async with anyio.create_task_group() as group:
                for _ in range(ROOM + 2):
                    group.start_soon(call)
            refused = [end for end in ends if "64 running requests" in end]
            same((len(ends), len(refused)), (ROOM + 2, 2), "calls and refused calls")
            await session.send_ping()


class Gets:
    """Counts the GETs that resume a stream."""

    def __init__(self):
        self.statuses = []

    def factory(self, **settings):
        client = streamable_http.create_mcp_http_client(**settings)
        client.event_hooks = {"response": [self._response]}
        return client

    async def _response(self, response):
        if "last-event-id" in response.request.headers:
            self.statuses.append(response.status_code)


async def check_cancelled(report, url):
    # Earlier SDKs do not come back.
    if not hasattr(streamable_http, "streamable_http_client"):
        return
    async with report.step("nobody comes back for ever to a cancelled call over /mcp"):
        gets = Gets()
        async with gets.factory() as http:
            async with streamable_http.streamable_http_client(f"{url}/mcp", http_client=http) as (read, write, *_):
                async with ClientSession(read, write) as session:
                    await session.initialize()
                    with anyio.move_on_after(1.5):
                        await session.call_tool("slow_tool", {"ms": 15_000})
                    await anyio.sleep(6)
                    await session.send_ping()
                    true(len(gets.statuses) <= 3, f"it came back, and got {gets.statuses}")


async def check(url):
    report = Report()
    with anyio.move_on_after(ALL_SECONDS) as scope:
        async with anyio.create_task_group() as group:
            for one in (check_lines, check_refusal, check_cancelled):
                group.start_soon(one, report, url)
    if scope.cancelled_caught:
        report.fail("everything", TimeoutError(f"not done after {ALL_SECONDS} s"))
    version = importlib.metadata.version("mcp")
    print(f"mcp {version}: {report.passed} ok, {len(report.failed)} failed", flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(anyio.run(check, sys.argv[1].rstrip("/")))
