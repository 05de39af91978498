"""Checks every way to reach the everything server, with the installed MCP Python SDK, 1.x or 2.x, or with FastMCP.

    ways.py sdk|fastmcp TLS_URL CLEAR_URL SOCKET PROGRAM

TLS_URL is a server over TLS, whose authority SSL_CERT_FILE names, CLEAR_URL one over TCP, SOCKET one on a Unix socket;
all three speak HTTP/1.1 and HTTP/2. PROGRAM is started for standard input and output. Prints `ok` or `FAIL` for each
step, and exits with 1 after a failure.
"""

import importlib.metadata
import json
import sys
from contextlib import asynccontextmanager

import anyio
from features import AWKWARD, echo, text_of
from mcp.client.session import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from report import Report, same, true
from sdk import INVALID_PARAMS, IS_V2, MODERN, Client, Traffic, cancel, error_of, field, httpx, sse_transport

ALL_SECONDS = 90
HTTP1 = "HTTP/1.1"
HTTP2 = "HTTP/2"
TIMEOUT = httpx.Timeout(10, read=300)


async def exchange(step, client, resets=True):
    """What a client does with a server: the way must not matter. `resets`: whether the client can cancel."""
    async with step("list"):
        names = [tool.name for tool in (await client.list_tools()).tools]
        true({"echo_tool", "slow_tool"} <= set(names), f"tools {names}")
    async with step("call"):
        await echo(client, AWKWARD)
    async with step("a question to the client"):
        text = await text_of(client, "test_elicitation", {"message": "who?"})
        true("given-username" in text, f"answer {text!r}")
    async with step("progress"):
        seen = []

        async def progressed(progress, total, _message):
            seen.append((progress, total))

        await text_of(client, "test_tool_with_progress", progress_callback=progressed)
        same(seen, [(0, 100), (50, 100), (100, 100)], "progress")
    async with step("errors"):
        same((await error_of(client.call_tool("no_such_tool", {}))).code, INVALID_PARAMS, "code")
        true(field(await client.call_tool("test_error_handling", {}), "is_error"), "isError is not set")
    if not resets:
        return
    async with step("cancel"):
        before = await ended(client)
        await abandon(client, before)
        while (await ended(client))["cancelled"] == before["cancelled"]:
            await anyio.sleep(0.02)
        await echo(client, "after the cancellation")


async def ended(client):
    """How the calls of slow_tool ended."""
    return json.loads(await text_of(client, "stats_tool"))


async def abandon(client, before):
    """Cancels a call that runs."""
    scope = anyio.CancelScope()
    request_id = None

    async def call():
        nonlocal request_id
        # 1.x does not tell the server that a call was abandoned. It numbers its requests.
        request_id = None if IS_V2 else client._request_id
        with scope:
            await client.call_tool("slow_tool", {"ms": 60_000})
            raise AssertionError("the call was not cancelled")

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        while (await ended(client))["started"] == before["started"]:
            await anyio.sleep(0.02)
        scope.cancel()
    if request_id is not None:
        await cancel(client, request_id)


# The transports


def over_http(url, traffic, **settings):
    """Streamable HTTP by an HTTP client with these settings."""

    @asynccontextmanager
    async def streams():
        hooks = {"request": [traffic._request], "response": [traffic._response]}
        async with httpx.AsyncClient(timeout=TIMEOUT, event_hooks=hooks, **settings) as http:
            async with streamable_http_client(f"{url}/mcp", http_client=http) as (read, write, *_):
                yield read, write

    return streams()


def on_socket(path, **settings):
    return {"transport": httpx.AsyncHTTPTransport(uds=path, **settings)}


def ways_of(tls, clear, socket, program):
    """The name of each way, its transport, and the protocol of HTTP that it must end up with."""
    command = StdioServerParameters(command=program, args=["--stdio"])
    known = {"http1": False, "http2": True}
    local = "http://localhost"
    return [
        ("TLS", lambda traffic: over_http(tls, traffic), HTTP1),
        ("TLS, /sse", lambda traffic: sse_transport(tls, traffic), HTTP1),
        ("TLS, HTTP/2", lambda traffic: over_http(tls, traffic, http2=True), HTTP2),
        ("HTTP/2 by prior knowledge", lambda traffic: over_http(clear, traffic, **known), HTTP2),
        ("Unix socket", lambda traffic: over_http(local, traffic, **on_socket(socket)), HTTP1),
        ("Unix socket, HTTP/2", lambda traffic: over_http(local, traffic, **on_socket(socket, **known)), HTTP2),
        ("stdio", lambda _: stdio_client(command), None),
    ]


# The clients


@asynccontextmanager
async def legacy(transport, traffic):
    async with transport as streams, ClientSession(*streams, **traffic.callbacks()) as session:
        initialized = await session.initialize()
        true(field(initialized, "server_info").name == "Everything", f"{initialized!r}")
        yield session


@asynccontextmanager
async def modern(transport, traffic):
    async with Client(transport, mode=MODERN, **traffic.callbacks()) as client:
        same(client.protocol_version, MODERN, "revision")
        yield client


async def check_sdk(report, ways):
    for name, transport, protocol in ways:
        for open_client in (legacy, modern):
            # 1.x does not know the later era, and /sse belongs to the earlier.
            if open_client is modern and (not IS_V2 or "/sse" in name):
                continue
            report.at = f"{name}, {open_client.__name__}: "
            traffic = Traffic()
            async with open_client(transport(traffic), traffic) as client:
                # The later era cancels by resetting the stream of a request, which httpx does not do in HTTP/2.
                resets = open_client is legacy or protocol != HTTP2
                await exchange(report.step, client, resets)
            check_protocol(report, traffic, protocol)


def check_protocol(report, traffic, protocol):
    spoken = {response.http_version for response in traffic.exchanges}
    if spoken == ({protocol} if protocol else set()):
        return
    report.fail(f"{report.at}the protocol", AssertionError(f"{spoken} is not {protocol}"))


class Fast:
    """FastMCP's client with the methods of the SDK's."""

    def __init__(self, client):
        self.list_tools = client.list_tools_mcp
        self._call = client.call_tool_mcp

    def call_tool(self, name, arguments, progress_callback=None):
        return self._call(name, arguments, progress_handler=progress_callback)


async def check_fastmcp(report, tls, clear, socket, program):
    import fastmcp
    from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport

    def over(url, traffic, **settings):
        def factory(**given):
            hooks = {"request": [traffic._request], "response": [traffic._response]}
            return httpx.AsyncClient(**{**given, "event_hooks": hooks, **settings})

        return StreamableHttpTransport(f"{url}/mcp", httpx_client_factory=factory)

    async def answer(_message, _type, params, context):
        return await Traffic().elicit(context, params)

    for name, transport, protocol in [
        ("TLS", lambda traffic: over(tls, traffic), HTTP1),
        ("TLS, /sse", lambda _: SSETransport(f"{tls}/sse"), None),
        ("TLS, HTTP/2", lambda traffic: over(tls, traffic, http2=True), HTTP2),
        ("HTTP/2 by prior knowledge", lambda traffic: over(clear, traffic, http1=False, http2=True), HTTP2),
        ("Unix socket", lambda traffic: over("http://localhost", traffic, **on_socket(socket)), HTTP1),
        ("stdio", lambda _: StdioTransport(program, ["--stdio"], keep_alive=False), None),
    ]:
        report.at = f"{name}: "
        traffic = Traffic()
        async with fastmcp.Client(transport(traffic), elicitation_handler=answer) as client:
            # As above: where it can, it speaks the later era.
            await exchange(report.step, Fast(client), protocol != HTTP2)
        check_protocol(report, traffic, protocol)


async def check(kind, targets):
    report = Report()
    with anyio.move_on_after(ALL_SECONDS) as scope:
        try:
            if kind == "fastmcp":
                await check_fastmcp(report, *targets)
            else:
                await check_sdk(report, ways_of(*targets))
        except Exception as error:
            report.fail(f"{report.at}the connection", error)
    if scope.cancelled_caught:
        report.fail("everything", TimeoutError(f"not done after {ALL_SECONDS} s"))
    name = "fastmcp" if kind == "fastmcp" else "mcp"
    print(f"{name} {importlib.metadata.version(name)}: {report.passed} ok, {len(report.failed)} failed", flush=True)
    return 1 if report.failed else 0


if __name__ == "__main__":
    sys.exit(anyio.run(check, sys.argv[1], sys.argv[2:]))
