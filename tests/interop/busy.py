"""Keeps a server busy: sessions call tools and check the answers, until they are told to stop."""

import json
import random
import re
import signal

import anyio
from report import causes, same, true
from sdk import LATEST_HANDSHAKE, MODERN, httpx

BOTH = {"Accept": "application/json, text/event-stream"}


class Counts:
    def __init__(self):
        self.open = 0
        self.calls = 0
        self.failures = []


def answer_in(response, request_id):
    """The answer: a JSON body, or the last event of a stream."""
    true(response.status_code == 200, f"{response.status_code} {response.content[:300]!r}")
    bodies = [response.content]
    if response.headers["content-type"].startswith("text/event-stream"):
        bodies = re.findall(rb"(?m)^data: ?(.+?)\r?$", response.content)
    answer = json.loads(bodies[-1])
    same(answer.get("id"), request_id, f"id of {answer!r}")
    true("result" in answer and not answer["result"].get("isError"), f"no result but {answer!r}")
    return answer["result"]


class Session:
    """A session of Streamable HTTP, without an SDK."""

    headers = dict(BOTH)
    meta = {}

    def __init__(self, http, url):
        self.http = http
        self.url = f"{url}/mcp"
        self.id = 0

    async def request(self, method, params):
        self.id += 1
        message = {"jsonrpc": "2.0", "id": self.id, "method": method, "params": {**params, **self.meta}}
        response = await self.http.post(self.url, json=message, headers=self.headers)
        return answer_in(response, self.id), response

    async def open(self):
        client = {"name": "busy", "version": "0"}
        params = {"protocolVersion": LATEST_HANDSHAKE, "capabilities": {}, "clientInfo": client}
        _, response = await self.request("initialize", params)
        self.headers = {
            **BOTH,
            "Mcp-Session-Id": response.headers["mcp-session-id"],
            "MCP-Protocol-Version": LATEST_HANDSHAKE,
        }
        message = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        response = await self.http.post(self.url, json=message, headers=self.headers)
        same(response.status_code, 202, "status of a notification")

    async def call(self, tool, arguments):
        result, _ = await self.request("tools/call", {"name": tool, "arguments": arguments})
        return result

    async def close(self):
        await self.http.delete(self.url, headers=self.headers)


class Stateless(Session):
    """A client without a session, at the latest revision."""

    meta = {
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": MODERN,
            "io.modelcontextprotocol/clientInfo": {"name": "busy", "version": "0"},
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    }

    async def open(self):
        pass

    async def call(self, tool, arguments):
        self.headers = {**BOTH, "MCP-Protocol-Version": MODERN, "Mcp-Method": "tools/call", "Mcp-Name": tool}
        return await super().call(tool, arguments)

    async def close(self):
        pass


async def run(session, n, counts, stopped):
    try:
        await session.open()
        counts.open += 1
        while not stopped.is_set():
            message = f"busy {n} {counts.calls} é " + "x" * random.randrange(2000)
            result = await session.call("echo_tool", {"message": message})
            same(result["content"][0]["text"], f"Tool echo: {message}", "answer")
            await session.call("slow_tool", {"ms": random.randrange(50, 500), "tag": f"busy-{n}"})
            counts.calls += 2
        await session.close()
    except Exception as error:
        counts.failures.append(f"session {n}: {'; '.join(causes(error))}")


async def busy(url, sessions):
    counts = Counts()
    stopped = anyio.Event()
    # Avoids reusing a connection at the moment when the server closes it because it is idle.
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=sessions, keepalive_expiry=1)
    async with httpx.AsyncClient(timeout=60, limits=limits) as http, anyio.create_task_group() as group:
        for n in range(sessions):
            # Two thirds of the clients have a session.
            kind = Stateless if n % 3 == 2 else Session
            group.start_soon(run, kind(http, url), n, counts, stopped)

        async def stop():
            with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
                async for _ in signals:
                    break
            stopped.set()

        group.start_soon(stop)
        while counts.open + len(counts.failures) < sessions:
            await anyio.sleep(0.05)
        print(f"{counts.open} sessions are busy", flush=True)
    for failure in counts.failures[:10]:
        print(f"FAIL busy {failure}")
    print(f"busy: {counts.calls} calls in {sessions} sessions, {len(counts.failures)} failed", flush=True)
    return 1 if counts.failures or not counts.calls else 0
