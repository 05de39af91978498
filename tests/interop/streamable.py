"""Steps over Streamable HTTP: sessions in the revisions with a handshake, and 2026-07-28 without."""

import json

import anyio
from features import AWKWARD, check_features, check_handshake_features, echo, text_of
from report import same, true
from sdk import (
    IS_V2,
    LATEST_HANDSHAKE,
    MODERN,
    OLDER_HANDSHAKES,
    Client,
    Traffic,
    cancel,
    connected,
    field,
    http_transport,
    httpx,
)

BOTH = {"Accept": "application/json, text/event-stream"}


async def check_sessions(report, url):
    for revision in (LATEST_HANDSHAKE, *OLDER_HANDSHAKES):
        report.at = f"/mcp {revision}: "
        await check_session(report, url, revision)


async def check_session(report, url, revision):
    step = report.step
    async with connected(url, http_transport, revision) as (session, traffic, initialized):
        async with step("initialize"):
            same(field(initialized, "protocol_version"), revision, "revision")
            true(field(initialized, "server_info").version, "no server version")
            true(all("!" <= one <= "~" for one in traffic.session_id), f"session id {traffic.session_id!r}")
            await traffic.until(lambda: traffic.of("GET"))
            [stream] = traffic.of("GET")
            same(stream.status_code, 200, "status of the session's stream")
            true(stream.headers["content-type"].startswith("text/event-stream"), f"{stream.headers!r}")
        await check_features(step, session)
        async with step("requests answered 200, the rest 202, nothing unasked for"):
            check_statuses(traffic)
            same(traffic.unexpected, [], "unexpected messages")
        await check_handshake_features(step, session, traffic, revision)
        async with step("cancelled calls leave the session usable"):
            for n in range(10):
                before = len(traffic.ids("tools/call"))
                await abandon(session, traffic)
                await cancel(session, traffic.ids("tools/call")[before])
                await echo(session, f"after cancellation {n}")
        # In earlier revisions a stream does not end before its answer.
        if revision == LATEST_HANDSHAKE:
            async with step("a stream that the server ends early is resumed"):
                before = len(traffic.of("GET"))
                await text_of(session, "test_reconnection")
                resumed = [one for one in traffic.of("GET")[before:] if "last-event-id" in one.request.headers]
                true(resumed, "no GET with Last-Event-ID")
        ended = traffic.session_id
    async with step("DELETE ends the session"):
        [response] = traffic.of("DELETE")
        true(response.status_code in (200, 204), f"DELETE gives {response.status_code}")
        async with httpx.AsyncClient(timeout=10) as http:
            ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
            headers = {**BOTH, "Mcp-Session-Id": ended}
            same((await http.post(f"{url}/mcp", json=ping, headers=headers)).status_code, 404, "POST")
            same((await http.get(f"{url}/mcp", headers=headers)).status_code, 404, "GET")
            same((await http.delete(f"{url}/mcp", headers=headers)).status_code, 404, "DELETE")


def check_statuses(traffic):
    for response in traffic.of("POST"):
        message = json.loads(response.request.content)
        wanted = 200 if {"id", "method"} <= message.keys() else 202
        same(response.status_code, wanted, f"status for {str(message)[:300]}")


async def abandon(session, traffic):
    """Starts a long call, and abandons it."""
    before = len(traffic.ids("tools/call"))
    scope = anyio.CancelScope()

    async def call():
        with scope:
            await session.call_tool("slow_tool", {"ms": 15_000})

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await traffic.until_sent("tools/call", before + 1)
        await anyio.sleep(0.05)
        scope.cancel()


async def check_two_sessions(report, url):
    report.at = "/mcp: "
    async with report.step("two sessions at once see only their own answers"):
        async with (
            connected(url, http_transport) as (one, traffic_one, _),
            connected(url, http_transport) as (two, traffic_two, _),
        ):
            true(traffic_one.session_id != traffic_two.session_id, "both sessions have one id")
            async with anyio.create_task_group() as group:
                for n in range(25):
                    group.start_soon(echo, one, f"one {n}")
                    group.start_soon(echo, two, f"two {n}")
            # The test only makes sense if the ids were equal.
            same(sorted(traffic_one.ids("tools/call")), sorted(traffic_two.ids("tools/call")), "request ids")
            same(traffic_one.unexpected + traffic_two.unexpected, [], "unexpected messages")


async def check_stateless(report, url):
    if not IS_V2:
        return
    for mode, first in (("auto", "server/discover"), (MODERN, None)):
        report.at = f"/mcp {mode}: "
        traffic = Traffic()
        async with Client(http_transport(url, traffic), mode=mode, **traffic.callbacks()) as client:
            async with report.step("the revision is agreed on"):
                same(client.protocol_version, MODERN, "revision")
                same([one["method"] for one in traffic.sent], [first] if first else [], "requests")
            await check_features(report.step, client)
            await check_stateless_features(report.step, client, traffic)


async def check_stateless_features(step, client, traffic):
    async with step("input asked for in results"):
        text = await text_of(client, "test_input_required_result_elicitation")
        true("given-name" in text, f"answer {text!r}")
        for tool in ("sampling", "list_roots", "multiple_inputs", "multi_round"):
            await text_of(client, f"test_input_required_result_{tool}")
        same(traffic.asked, {"elicitation", "sampling", "roots"}, "asked for")
        true((await client.get_prompt("test_input_required_result_prompt")).messages, "no messages")
    async with step("logging, where a request asks for it"):
        await text_of(client, "test_logging_tool")
        same(traffic.logged, [], "messages")
        await text_of(client, "test_logging_tool", meta={"io.modelcontextprotocol/logLevel": "debug"})
        await traffic.until(lambda: traffic.logged)
    async with step("an argument mirrored in a header"):
        tool, name, suffix = mirrored((await client.list_tools()).tools)
        for value in ("plain", " é 日本 ", "x" * 3000):
            await text_of(client, tool, {name: value})
            true(f"mcp-param-{suffix}" in traffic.of("POST")[-1].request.headers, "the client mirrored nothing")
    async with step("listeners receive a change of tools"):
        async with client.listen(tools_list_changed=True) as subscription:
            await text_of(client, "test_trigger_tool_change")
            event = await anext(aiter(subscription))
            true("ToolsListChanged" in repr(event), f"event {event!r}")
        await echo(client, "after the subscription")
    async with step("abandoned calls leave the rest usable"):
        for n in range(10):
            await abandon(client, traffic)
            await echo(client, f"after cancellation {n} {AWKWARD}")
    async with step("no session, no handshake, no GET"):
        same(traffic.session_id, None, "session id")
        true(not traffic.ids("initialize"), "initialize was sent")
        same(traffic.of("GET") + traffic.of("DELETE"), [], "GET and DELETE")
        same(traffic.unexpected, [], "unexpected messages")


def mirrored(tools):
    for tool in tools:
        for name, schema in field(tool, "input_schema").get("properties", {}).items():
            if schema.get("type") == "string" and "x-mcp-header" in schema:
                return tool.name, name, schema["x-mcp-header"].lower()
    raise AssertionError("no tool with x-mcp-header")


GROUPS = (check_sessions, check_two_sessions, check_stateless)
