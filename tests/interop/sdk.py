"""The installed MCP Python SDK, 1.x or 2.x: hides their differences, and records what they send and
receive."""

import importlib.metadata
import json
import warnings
from contextlib import asynccontextmanager

import anyio
from mcp import types
from mcp.client.session import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from report import STEP_SECONDS, true

SDK = importlib.metadata.version("mcp")
IS_V2 = int(SDK.split(".")[0]) >= 2

if IS_V2:
    import httpx2 as httpx
    import mcp.client.session as handshake
    from mcp.client.client import Client
    from mcp.shared.exceptions import MCPDeprecationWarning, MCPError

    # The steps also test features of the earlier revisions.
    warnings.simplefilter("ignore", MCPDeprecationWarning)

    ASKED_FOR = "LATEST_HANDSHAKE_VERSION"
else:
    import httpx
    import mcp.types as handshake
    from mcp.shared.exceptions import McpError as MCPError

    Client = None
    ASKED_FOR = "LATEST_PROTOCOL_VERSION"

LATEST_HANDSHAKE = "2025-11-25"
OLDER_HANDSHAKES = ["2025-06-18", "2025-03-26"]
HANDSHAKE_VERSIONS = {LATEST_HANDSHAKE, *OLDER_HANDSHAKES, "2024-11-05"}
MODERN = "2026-07-28"
INVALID_PARAMS = -32602


def field(model, name):
    """Reads an attribute by its 2.x name; in 1.x it has the name that is used on the wire."""
    if IS_V2:
        return getattr(model, name)
    head, *tail = name.split("_")
    return getattr(model, head + "".join(part.title() for part in tail))


def uri(text):
    """1.x accepts only parsed URLs, 2.x only strings."""
    if IS_V2:
        return text
    from pydantic import AnyUrl

    return AnyUrl(text)


async def error_of(call):
    """The JSON-RPC error that a call must end with."""
    try:
        result = await call
    except MCPError as error:
        return error.error
    raise AssertionError(f"no JSON-RPC error but {result!r}")


async def cancel(session, request_id):
    wire = {"method": "notifications/cancelled", "params": {"requestId": request_id, "reason": "test"}}
    notification = types.CancelledNotification.model_validate(wire)
    if not IS_V2:
        notification = types.ClientNotification(notification)
    await session.send_notification(notification)


class Traffic:
    """Records what an SDK sends over HTTP, and answers the requests of the server."""

    def __init__(self):
        self.sent = []
        self.exchanges = []
        self.session_id = None
        self.unexpected = []
        self.list_changes = 0
        self.logged = []
        self.asked = set()
        self._changed = anyio.Event()

    def factory(self, **settings):
        client = create_mcp_http_client(**settings)
        client.event_hooks = {"request": [self._request], "response": [self._response]}
        return client

    def _wake(self):
        self._changed.set()
        self._changed = anyio.Event()

    async def _request(self, request):
        if request.method == "POST":
            self.sent.append(json.loads(request.content))
            self._wake()

    async def _response(self, response):
        self.exchanges.append(response)
        self.session_id = response.headers.get("mcp-session-id", self.session_id)
        self._wake()

    def of(self, method):
        return [response for response in self.exchanges if response.request.method == method]

    @property
    def statuses(self):
        return [response.status_code for response in self.of("POST")]

    def ids(self, method):
        return [message["id"] for message in self.sent if message.get("method") == method]

    async def until(self, condition):
        while not condition():
            await self._changed.wait()

    async def until_sent(self, method, count):
        await self.until(lambda: len(self.ids(method)) >= count)

    def opened(self, session_id):
        self.session_id = session_id

    async def handle(self, message):
        """Receives messages that the session does not handle, and notifications that it has handled."""
        told = repr(message)
        if "notifications/tools/list_changed" in told:
            self.list_changes += 1
            self._wake()
        elif "notifications/progress" not in told and "notifications/message" not in told:
            self.unexpected.append(told)

    async def log(self, params):
        self.logged.append(params.data)
        self._wake()

    async def sample(self, _context, params):
        self.asked.add("sampling")
        content = types.TextContent(type="text", text=f"sampled {params.messages[0].content.text}")
        return types.CreateMessageResult(role="assistant", content=content, model="none")

    async def elicit(self, _context, params):
        self.asked.add("elicitation")
        given = {"string": "given-{}", "boolean": True, "integer": 3, "number": 1.5}
        schema = field(params, "requested_schema")
        content = {name: given[one["type"]] for name, one in schema["properties"].items()}
        content = {name: one.format(name) if isinstance(one, str) else one for name, one in content.items()}
        return types.ElicitResult(action="accept", content=content)

    async def list_roots(self, _context):
        self.asked.add("roots")
        return types.ListRootsResult(roots=[types.Root(uri=uri("file:///given/root"), name="given-root")])

    def callbacks(self):
        return {
            "sampling_callback": self.sample,
            "elicitation_callback": self.elicit,
            "list_roots_callback": self.list_roots,
            "logging_callback": self.log,
            "message_handler": self.handle,
        }


def sse_transport(url, traffic):
    return sse_client(
        f"{url}/sse",
        timeout=10,
        httpx_client_factory=traffic.factory,
        on_session_created=traffic.opened,
    )


@asynccontextmanager
async def http_transport(url, traffic):
    async with traffic.factory(timeout=httpx.Timeout(10, read=300)) as http:
        # 1.x yields a third value.
        async with streamable_http_client(f"{url}/mcp", http_client=http) as (read, write, *_):
            yield read, write


@asynccontextmanager
async def connected(url, transport=sse_transport, revision=LATEST_HANDSHAKE):
    """An initialized session, with its recorded traffic."""
    traffic = Traffic()
    async with transport(url, traffic) as streams:
        async with ClientSession(*streams, **traffic.callbacks()) as session:
            # The SDKs have no setting for this.
            usual = getattr(handshake, ASKED_FOR)
            setattr(handshake, ASKED_FOR, revision)
            try:
                with anyio.fail_after(STEP_SECONDS):
                    initialized = await session.initialize()
            finally:
                setattr(handshake, ASKED_FOR, usual)
            true(traffic.sent[0]["params"]["protocolVersion"] == revision, f"asked for {traffic.sent[0]!r}")
            yield session, traffic, initialized
