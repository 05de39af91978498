"""HTTP/2 between client and nginx, with curl, because the standard library of Python has no HTTP/2."""

import json
import os
import subprocess

from client import BOTH, LEGACY, MODERN, Session, request, same, true

# The streams never end. What has not arrived within these seconds was buffered.
SECONDS = 3
OF_PROTOCOL = "io.modelcontextprotocol/"
META = {OF_PROTOCOL + "protocolVersion": MODERN, OF_PROTOCOL + "clientCapabilities": {}}


def supported():
    told = subprocess.run(["curl", "--version"], capture_output=True, text=True)
    return "HTTP2" in told.stdout.split()


def curl(site, path, accept, message=None, headers={}):
    """The received body, the version of HTTP, and whether the response was complete."""
    port = os.environ["PORT"]
    command = ["curl", "-sN", "--http2", "--cacert", os.environ["CA"], "--max-time", str(SECONDS)]
    command += ["--resolve", f"{site.name}:{port}:127.0.0.1", "-w", "\n%{stderr}%{http_version} %{http_code}"]
    command += ["-H", f"Accept: {accept}"]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    if message is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(message)]
    done = subprocess.run(command + [f"https://{site.name}:{port}{path}"], capture_output=True, text=True)
    same(done.stderr, "2 200", "the version and the status")
    return done.stdout, done.returncode == 0


def modern(method, params):
    headers = {"MCP-Protocol-Version": MODERN, "Mcp-Method": method}
    if "name" in params:
        headers["Mcp-Name"] = params["name"]
    return request(method, params | {"_meta": META | params.get("_meta", {})}), headers


def http_sse(site):
    body, is_complete = curl(site, site.prefix + "/sse", "text/event-stream")
    true(body.startswith(f"event: endpoint\ndata: {site.prefix}/messages/"), f"the stream begins {body!r}")
    same(is_complete, False, "the stream has ended")


def standalone(site):
    session = Session(site)
    same(session.headers["MCP-Protocol-Version"], LEGACY, "the revision")
    body, is_complete = curl(site, site.prefix + "/mcp", "text/event-stream", headers=session.headers)
    true("\n\n" in body, f"the stream begins {body!r}")
    same(is_complete, False, "the stream has ended")


def listening(site):
    message, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    body, is_complete = curl(site, site.prefix + "/mcp", BOTH, message, headers)
    true("notifications/subscriptions/acknowledged" in body, f"the stream begins {body!r}")
    same(is_complete, False, "the stream has ended")


def progress(site):
    params = {"name": "test_tool_with_progress", "arguments": {}, "_meta": {"progressToken": 7}}
    body, is_complete = curl(site, site.prefix + "/mcp", BOTH, *modern("tools/call", params))
    same(body.count("notifications/progress"), 3, "how often there was progress")
    same(is_complete, True, "the stream has ended")


EVERY = (http_sse, standalone, listening, progress)
