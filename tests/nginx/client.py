"""A client that records when each event arrives. Uses only the standard library of Python.

`CA` names the certificate of nginx, `PORT` its port on 127.0.0.1.
"""

import http.client
import json
import os
import socket
import ssl
import time

TIMEOUT = 15
MODERN = "2026-07-28"
LEGACY = "2025-11-25"
BOTH = "application/json, text/event-stream"


class Connection(http.client.HTTPSConnection):
    """Sends the public host name, also in TLS, and connects to this machine."""

    def connect(self):
        plain = socket.create_connection(("127.0.0.1", self.port), TIMEOUT)
        context = ssl.create_default_context(cafile=os.environ["CA"])
        self.sock = context.wrap_socket(plain, server_hostname=self.host)


class Answer:
    """A response whose body is read to its end, or a stream that is read event by event."""

    def __init__(self, connection, response, sent):
        self.connection = connection
        # http.client drops the socket of a response that ends with its connection.
        self.socket = connection.sock
        self.response = response
        self.sent = sent
        self.status = response.status
        self.headers = response.headers
        self.pending = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.response.close()
        self.connection.close()

    def text(self):
        with self:
            return self.response.read().decode()

    def json(self):
        return json.loads(self.text())

    def block(self, timeout=TIMEOUT):
        """The lines of the next event or comment, and its time of arrival; `None` at the end."""
        if self.socket is not None:
            self.socket.settimeout(timeout)
        while b"\n\n" not in self.pending:
            read = self.response.read1(65536)
            if not read:
                return None
            self.pending += read
        block, _, self.pending = self.pending.partition(b"\n\n")
        return block.decode().split("\n"), time.monotonic()

    def message(self, timeout=TIMEOUT):
        """The next JSON-RPC message of the stream, and its time of arrival; skips everything else."""
        end = time.monotonic() + timeout
        while block := self.block(max(end - time.monotonic(), 0.01)):
            lines, at = block
            for line in lines:
                if line.startswith("data: {"):
                    return json.loads(line.removeprefix("data: ")), at
        raise AssertionError("the stream ended before its message")

    def end(self, timeout=TIMEOUT):
        """Reads until the stream ends, properly or not; fails if the stream is quiet for longer than the timeout."""
        with self:
            try:
                while self.block(timeout):
                    pass
            except (http.client.IncompleteRead, ConnectionResetError):
                pass


class Site:
    """A server behind nginx: its public name and path."""

    def __init__(self, name, prefix=""):
        self.name = name
        self.prefix = prefix

    def __str__(self):
        return self.name + self.prefix

    def ask(self, method, path, body=None, headers={}):
        connection = Connection(self.name, int(os.environ["PORT"]))
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        sent = time.monotonic()
        connection.request(method, path, body, headers)
        return Answer(connection, connection.getresponse(), sent)

    def post(self, message, headers={}):
        kind = {"Content-Type": "application/json", "Accept": BOTH}
        return self.ask("POST", self.prefix + "/mcp", message, kind | headers)

    def listen(self, path, headers={}):
        return self.ask("GET", path, None, {"Accept": "text/event-stream"} | headers)


def request(method, params={}, id=1):
    return {"jsonrpc": "2.0", "id": id, "method": method, "params": params}


def initialize(capabilities={}, id=0):
    client = {"name": "nginx", "version": "1"}
    params = {"protocolVersion": LEGACY, "capabilities": capabilities, "clientInfo": client}
    return request("initialize", params, id)


INITIALIZED = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Session:
    """Streamable HTTP as of 2025-11-25."""

    def __init__(self, site, capabilities={}):
        self.site = site
        with site.post(initialize(capabilities)) as answer:
            same(answer.status, 200, "the status of initialize")
            self.headers = {"Mcp-Session-Id": answer.headers["Mcp-Session-Id"], "MCP-Protocol-Version": LEGACY}
        with self.post(INITIALIZED) as answer:
            same(answer.status, 202, "the status of initialized")

    def post(self, message):
        return self.site.post(message, self.headers)

    def call(self, tool, arguments={}, meta={}):
        return self.post(request("tools/call", {"name": tool, "arguments": arguments, "_meta": meta}))

    def stream(self):
        return self.site.listen(self.site.prefix + "/mcp", self.headers)

    def delete(self):
        return self.site.ask("DELETE", self.site.prefix + "/mcp", None, self.headers)


class Stateless:
    """2026-07-28."""

    def __init__(self, site):
        self.site = site

    def post(self, method, params={}, headers={}):
        of_protocol = "io.modelcontextprotocol/"
        meta = {
            of_protocol + "protocolVersion": MODERN,
            of_protocol + "clientCapabilities": {},
            of_protocol + "clientInfo": {"name": "nginx", "version": "1"},
        }
        params = params | {"_meta": meta | params.get("_meta", {})}
        headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method} | headers
        return self.site.post(request(method, params), headers)

    def call(self, tool, arguments={}, meta={}):
        params = {"name": tool, "arguments": arguments, "_meta": meta}
        return self.post("tools/call", params, {"Mcp-Name": tool})

    def listen(self):
        return self.post("subscriptions/listen", {"notifications": {"toolsListChanged": True}})


def endpoint(stream):
    """The path for the messages of a stream at /sse."""
    lines, at = stream.block()
    same(lines[0], "event: endpoint", "the first event")
    return lines[1].removeprefix("data: "), at


def text(answer):
    """The text of the result of a tool."""
    return answer["result"]["content"][0]["text"]


def same(got, wanted, what):
    if got != wanted:
        raise AssertionError(f"{what}: {str(got)[:500]} is not {wanted}")


class Late(AssertionError):
    """Something arrived too late. That may happen once on a busy machine; with a proxy that buffers, it always happens."""


def in_time(condition, what):
    if not condition:
        raise Late(what)


def true(condition, what):
    if not condition:
        raise AssertionError(what)
