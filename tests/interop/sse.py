"""Steps over HTTP+SSE, with the SDK and without it."""

import itertools
import json
import re
import time
import uuid
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import anyio
from features import AWKWARD, LONG, check_features, check_handshake_features, echo, read
from report import STEP_SECONDS, same, true
from sdk import (
    HANDSHAKE_VERSIONS,
    INVALID_PARAMS,
    IS_V2,
    Client,
    Traffic,
    cancel,
    connected,
    error_of,
    field,
    httpx,
    sse_transport,
)


async def check_initialize(report, url):
    async with report.step("connect and initialize"):
        async with connected(url) as (_, traffic, initialized):
            true(field(initialized, "server_info").name, "no server name")
            version = field(initialized, "protocol_version")
            true(version in HANDSHAKE_VERSIONS, f"protocol version {version!r}")
            true(initialized.capabilities.tools is not None, "no tools capability")
            true(initialized.capabilities.resources is not None, "no resources capability")
            true(initialized.capabilities.prompts is not None, "no prompts capability")
            print(f"   protocol {version}, session {traffic.session_id}")


async def check_session(report, url):
    async with connected(url) as (session, traffic, initialized):
        await check_features(report.step, session)
        async with report.step("every POST answered 202, nothing unasked for on the stream"):
            same(set(traffic.statuses), {202}, "statuses")
            same(traffic.unexpected, [], "unexpected messages")
        await check_handshake_features(report.step, session, traffic, field(initialized, "protocol_version"))


async def check_cancellation(report, url):
    async with report.step("cancelled calls leave the session usable", 60):
        async with connected(url) as (session, traffic, _):
            for round_ in range(10):
                before = len(traffic.ids("tools/call"))
                scope = anyio.CancelScope()

                async def abandoned(scope=scope):
                    with scope:
                        await session.call_tool("echo_tool", {"message": LONG})

                async with anyio.create_task_group() as group:
                    group.start_soon(abandoned)
                    await traffic.until_sent("tools/call", before + 1)
                    scope.cancel()
                await cancel(session, traffic.ids("tools/call")[-1])
                await echo(session, f"after cancellation {round_}")
            sent = [one.get("method") for one in traffic.sent].count("notifications/cancelled")
            true(sent >= 10, f"only {sent} cancellations were sent")
    async with report.step("cancelling what does not run has no effect"):
        async with connected(url) as (session, traffic, _):
            await echo(session, "first")
            for request_id in (traffic.ids("tools/call")[-1], 4_000_000_000, "no-such-id", 0):
                await cancel(session, request_id)
            async with anyio.create_task_group() as group:
                for n in range(20):
                    group.start_soon(echo, session, f"later {n}")
            same(set(traffic.statuses), {202}, "statuses")
            same(traffic.unexpected, [], "unexpected messages")


async def until_unknown(http, url, session_id):
    """Waits until the server has noticed that a stream has ended."""
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    deadline = anyio.current_time() + 5
    while True:
        response = await http.post(f"{url}/messages/?session_id={session_id}", json=ping)
        if response.status_code == 404:
            return
        true(anyio.current_time() < deadline, f"POST to the old session still gives {shown(response)}")
        await anyio.sleep(0.05)


async def check_reconnect(report, url):
    async with report.step("reconnect: the old session is unknown, a new one works"):
        async with httpx.AsyncClient(timeout=10) as http:
            async with connected(url) as (session, traffic, _):
                await echo(session, "before")
                old = traffic.session_id
            true(old is not None, "the SDK saw no session id")
            await until_unknown(http, url, old)
            async with connected(url) as (session, traffic, _):
                true(traffic.session_id != old, f"session id {old} was given twice")
                await echo(session, "after")


async def check_two_sessions(report, url):
    async with report.step("two sessions at once see only their own answers"):
        async with connected(url) as (one, traffic_one, _), connected(url) as (two, traffic_two, _):
            true(traffic_one.session_id != traffic_two.session_id, "both sessions have one id")
            async with anyio.create_task_group() as group:
                for n in range(25):
                    group.start_soon(echo, one, f"one {n}")
                    group.start_soon(echo, two, f"two {n}")
            # The test only makes sense if the ids were equal.
            same(traffic_one.ids("tools/call"), traffic_two.ids("tools/call"), "request ids")
            same(traffic_one.unexpected + traffic_two.unexpected, [], "unexpected messages")


async def check_auto(report, url):
    if not IS_V2:
        return
    async with report.step("auto-negotiating client falls back to initialize"):
        traffic = Traffic()
        async with Client(sse_transport(url, traffic), message_handler=traffic.handle) as client:
            same([one["method"] for one in traffic.sent][:2], ["server/discover", "initialize"], "requests")
            true(client.server_info.name, "no server name")
            true(client.protocol_version in HANDSHAKE_VERSIONS, f"protocol version {client.protocol_version!r}")
            true("echo_tool" in [tool.name for tool in (await client.list_tools()).tools], "no echo_tool")
            await echo(client, AWKWARD)
            await read(client, "hello%20world", "hello world")
            result = await client.get_prompt("echo_prompt", {"message": "x"})
            same(result.messages[0].content.text, "Please process this message: x", "prompt")
            error = await error_of(client.call_tool("no_such_tool", {}))
            same(error.code, INVALID_PARAMS, f"code of {error!r}")
            same(set(traffic.statuses), {202}, "statuses")
            same(traffic.unexpected, [], "unexpected messages")


# Steps without the SDK


def shown(response):
    return f"{response.status_code} {dict(response.headers)!r} {response.content[:300]!r}"


def status(response, wanted):
    if response.status_code != wanted:
        raise AssertionError(f"wanted {wanted}, got {shown(response)}")


async def stream_status(http, url, headers=None):
    """The answer to a GET, which may be an endless stream."""
    async with http.stream("GET", url, headers=headers) as response:
        return response.status_code, response.headers.get("location")


class RawSession:
    """A session without an SDK, with an event parser of its own."""

    def __init__(self, http, url):
        self.http = http
        self.url = url
        self.endpoint = None
        self.answers = {}
        self.strays = []
        self._ids = itertools.count(1)
        self._changed = anyio.Event()

    async def run(self, *, task_status=anyio.TASK_STATUS_IGNORED):
        async with self.http.stream("GET", f"{self.url}/sse") as response:
            true(response.status_code == 200, f"GET /sse gives {response.status_code}")
            buffer = b""
            async for chunk in response.aiter_raw():
                buffer += chunk
                # Line ends are CRLF or LF, and a message is one line, which every client can parse.
                *events, buffer = re.split(rb"\r?\n\r?\n", buffer)
                for event in events:
                    self._take(event, task_status)

    def _take(self, event, task_status):
        lines = [line for line in re.split(rb"\r?\n", event) if not line.startswith(b":")]
        fields = [line.split(b": ", 1) for line in lines if line]
        if not fields:
            return
        names = [name for name, *_ in fields]
        true(names == [b"event", b"data"], f"odd event {event[:300]!r}")
        kind, data = fields[0][1], fields[1][1]
        if self.endpoint is None:
            true(kind == b"endpoint", f"first event is {event[:300]!r}")
            self.endpoint = self.url + data.decode()
            task_status.started()
            return
        true(kind == b"message", f"odd event {event[:300]!r}")
        message = json.loads(data)
        if "method" not in message and message.get("id") is not None:
            self.answers.setdefault(message["id"], []).append(message)
        else:
            self.strays.append(message)
        self._changed.set()
        self._changed = anyio.Event()

    async def post(self, message, **settings):
        return await self.http.post(self.endpoint, json=message, **settings)

    async def answer(self, request_id):
        while request_id not in self.answers:
            await self._changed.wait()
        return self.answers[request_id][0]

    async def request(self, method, params=None, request_id=None):
        request_id = next(self._ids) if request_id is None else request_id
        message = {"jsonrpc": "2.0", "id": request_id, "method": method}
        if params is not None:
            message["params"] = params
        status(await self.post(message), 202)
        return await self.answer(request_id)

    async def initialize(self):
        client = {"name": "raw", "version": "0"}
        params = {"protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": client}
        answer = await self.request("initialize", params)
        same(answer.get("result", {}).get("protocolVersion"), "2024-11-05", f"version in {answer!r}")
        status(await self.post({"jsonrpc": "2.0", "method": "notifications/initialized"}), 202)

    async def echo(self, message, request_id=None):
        params = {"name": "echo_tool", "arguments": {"message": message}}
        answer = await self.request("tools/call", params, request_id)
        self.check(answer, message)

    @staticmethod
    def check(answer, message):
        true("result" in answer, f"no result but {answer!r}")
        same(answer["result"]["content"][0]["text"], f"Tool echo: {message}", "answer")


@asynccontextmanager
async def raw_session(url):
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(timeout=STEP_SECONDS, limits=limits, follow_redirects=False) as http:
        async with anyio.create_task_group() as group:
            session = RawSession(http, url)
            with anyio.fail_after(STEP_SECONDS):
                await group.start(session.run)
                await session.initialize()
            yield session
            group.cancel_scope.cancel()


async def open_stream(url, path, wanted, headers=""):
    """Opens a stream on a socket, and reads up to the wanted bytes."""
    address = urlsplit(url)
    stream = await anyio.connect_tcp(address.hostname, address.port or 80)
    head = f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\nUser-Agent: curl/8\r\nAccept: */*\r\n{headers}\r\n"
    got = b""
    start = time.monotonic()
    try:
        with anyio.fail_after(1):
            await stream.send(head.encode())
            while not (found := re.search(wanted, got)):
                got += await stream.receive()
    except (TimeoutError, anyio.EndOfStream) as error:
        await stream.aclose()
        raise AssertionError(f"within 1 s only {got!r}") from error
    return stream, got, found, time.monotonic() - start


async def first_event(url):
    """What `curl -N URL/sse` shows, up to one event."""
    wanted = rb"event: endpoint\r?\ndata: (/messages/\?session_id=([0-9a-f]{32}))\r?\n\r?\n"
    stream, got, found, seconds = await open_stream(url, "/sse", wanted)
    return stream, got, found[2].decode(), seconds


async def check_endpoint_event(report, url):
    async with report.step("the endpoint event comes first and within 1 s"):
        stream, got, session_id, seconds = await first_event(url)
        async with stream:
            head, _, body = got.partition(b"\r\n\r\n")
            true(head.startswith(b"HTTP/1.1 200 "), f"{head!r}")
            true(re.search(rb"(?im)^content-type: text/event-stream *(;|\r?$)", head), f"{head!r}")
            # Only the size of the chunk may precede the event.
            true(re.match(rb"[0-9a-fA-F]+\r\nevent: endpoint", body), f"{body!r}")
            print(f"   after {seconds * 1000:.1f} ms")
    async with report.step("a dropped stream ends its session"):
        async with httpx.AsyncClient(timeout=10) as http:
            stream, _, session_id, _ = await first_event(url)
            await stream.aclose()
            await until_unknown(http, url, session_id)


async def check_http(report, url):
    ping = {"jsonrpc": "2.0", "id": 900, "method": "ping"}
    port = urlsplit(url).port or 80
    step = report.step
    async with raw_session(url) as session:
        http = session.http
        session_id = session.endpoint.partition("session_id=")[2]

        async with step("GET of an unknown path gives 404"):
            status(await http.get(f"{url}/no/such/path"), 404)

        for name, foreign in (
            ("Origin", {"Origin": "https://evil.example"}),
            ("Origin null", {"Origin": "null"}),
            ("Host", {"Host": f"evil.example:{port}"}),
        ):
            async with step(f"foreign {name} gives 403 on the stream"):
                same((await stream_status(http, f"{url}/sse", foreign))[0], 403, "status")
            async with step(f"foreign {name} gives 403 on messages"):
                status(await session.post(ping, headers=foreign), 403)
        async with step("the server's own Origin is admitted"):
            status(await session.post({**ping, "id": 901}, headers={"Origin": url}), 202)
            await session.answer(901)

        async with step("no session_id gives 400"):
            status(await http.post(f"{url}/messages/", json=ping), 400)
        async with step("malformed session_id gives 400"):
            status(await http.post(f"{url}/messages/?session_id=not-hex", json=ping), 400)
        async with step("unknown session_id gives 404"):
            status(await http.post(f"{url}/messages/?session_id={uuid.uuid4().hex}", json=ping), 404)
        async with step("text/plain gives 415"):
            body = json.dumps(ping).encode()
            status(await http.post(session.endpoint, content=body, headers={"Content-Type": "text/plain"}), 415)
        async with step("bad JSON gives 400"):
            kind = {"Content-Type": "application/json"}
            status(await http.post(session.endpoint, content=b'{"jsonrpc":', headers=kind), 400)
        async with step("a batch gives 400"):
            status(await session.post([ping]), 400)

        async with step("/sse/ is no redirect"):
            same(await stream_status(http, f"{url}/sse/"), (200, None), "status and location")
        async with step("/messages without the slash is no redirect"):
            response = await http.post(f"{url}/messages?session_id={session_id}", json={**ping, "id": 902})
            status(response, 202)
            await session.answer(902)

        async with step("50 concurrent POSTs"):
            async with anyio.create_task_group() as group:
                for n in range(50):
                    group.start_soon(session.echo, f"post {n} {AWKWARD}", f"post-{n}")
        async with step("calls raced by their cancellation are answered rightly or not at all"):
            await race_cancellation(session)
        async with step("after all that the session still works, with no stray message"):
            await session.echo(AWKWARD)
            same(session.strays, [], "strays")
            twice = [one for one, answers in session.answers.items() if len(answers) != 1]
            same(twice, [], "ids answered more than once")
            # A refused call must not run.
            true(900 not in session.answers, f"a refused request was answered: {session.answers.get(900)!r}")


async def race_cancellation(session):
    rounds = 20
    for n in range(rounds):
        call = {"name": "echo_tool", "arguments": {"message": f"raced {n} {LONG}"}}
        call = {"jsonrpc": "2.0", "id": f"raced-{n}", "method": "tools/call", "params": call}
        stop = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": f"raced-{n}"}}
        async with anyio.create_task_group() as group:
            group.start_soon(session.post, call)
            group.start_soon(session.post, stop)
        await session.echo(f"later {n}", f"later-{n}")
    answered = [n for n in range(rounds) if f"raced-{n}" in session.answers]
    for n in answered:
        session.check(session.answers[f"raced-{n}"][0], f"raced {n} {LONG}")
    print(f"   {len(answered)} of {rounds} were answered before they were cancelled")


GROUPS = (
    check_endpoint_event,
    check_initialize,
    check_session,
    check_cancellation,
    check_reconnect,
    check_two_sessions,
    check_auto,
    check_http,
)
