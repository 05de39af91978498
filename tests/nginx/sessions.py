"""Sessions, hosts and bodies through nginx, and what happens to a session when its server ends."""

import json
import time

from client import INITIALIZED, Session, Stateless, endpoint, in_time, initialize, request, same, text, true

AT_ONCE = 5


def lifetime(site):
    """initialize, calls on several connections, DELETE, and then 404."""
    session = Session(site)
    for word in ("one", "two"):
        same(text(session.call("echo_tool", {"message": word}).json()), f"Tool echo: {word}", "the answer")
    with session.delete() as answer:
        same(answer.status, 200, "the status of DELETE")
    for answer in (session.call("echo_tool", {"message": "three"}), session.delete(), session.stream()):
        is_error(answer, 404)


def slashes(site):
    """PITFALLS R-46: a trailing slash names the same endpoint, and the server never redirects."""
    kind = {"Content-Type": "application/json", "Accept": "application/json"}
    with site.ask("POST", site.prefix + "/mcp/", initialize(), kind) as answer:
        same(answer.status, 200, "the status at /mcp/")
    with site.listen(site.prefix + "/sse/") as stream:
        same(stream.status, 200, "the status at /sse/")


def is_error(answer, status, code=None):
    """A JSON-RPC error instead of a page of nginx."""
    same(answer.status, status, "the status")
    same(answer.headers["Content-Type"], "application/json", "the type")
    error = answer.json()["error"]
    if code is not None:
        same(error["code"], code, "the code")


def hosts(site):
    """If nginx passes on the host, only pages of the same site may call."""
    with site.post(initialize(), {"Origin": f"https://{site.name}"}) as answer:
        same(answer.status, 200, "its own page")
    is_error(site.post(initialize(), {"Origin": "https://evil.example"}), 403)
    is_error(site.post(initialize(), {"Origin": "null"}), 403)


def unknown_host(site):
    """The server refuses unknown hosts, which nginx sends to its first server block."""
    is_error(site.post(initialize(), {"Host": "evil.example"}), 403)


def hosts_of_nginx(site):
    """If nginx sends the name of the upstream, a page of the public name is from another site."""
    with site.post(initialize()) as answer:
        same(answer.status, 200, "no page")
    is_error(site.post(initialize(), {"Origin": f"https://{site.name}"}), 403)
    is_error(site.post(initialize(), {"Origin": "https://evil.example"}), 403)


def long_echo(site, length):
    call = request("tools/call", {"name": "echo_tool", "arguments": {"message": "x" * length}})
    session = Session(site)
    return session.post(call)


def bodies(site):
    """client_max_body_size 4m: the same as the limit of the server."""
    answer = long_echo(site, 3_000_000)
    same(len(text(answer.json())), len("Tool echo: ") + 3_000_000, "the length of the answer")
    with long_echo(site, 5_000_000) as answer:
        same(answer.status, 413, "the status of 5 MB")


def bodies_of_nginx(site):
    """Without it nginx refuses bodies that the server would accept."""
    with long_echo(site, 1_500_000) as answer:
        same(answer.status, 413, "the status of 1.5 MB")


def before(site):
    """Opens a session of each kind, prints their ids, and waits until the server has ended."""
    session = Session(site)
    standalone, stream = session.stream(), site.listen(site.prefix + "/sse")
    path, _ = endpoint(stream)
    print(json.dumps({"headers": session.headers, "path": path}), flush=True)
    for open_stream in (standalone, stream):
        open_stream.end(60)


def down(site):
    """While no server listens, nginx answers at once."""
    with site.post(initialize()) as answer:
        same(answer.status, 502, "the status of a POST")
    with site.listen(site.prefix + "/sse") as answer:
        same(answer.status, 502, "the status of a GET")


def after(site, lost):
    """PITFALLS R-50: after a restart, old sessions are unknown at once, and new ones work."""
    sent = time.monotonic()
    session = request("tools/call", {"name": "test_simple_text"})
    is_error(site.post(session, lost["headers"]), 404)
    is_error(site.listen(site.prefix + "/mcp", lost["headers"]), 404)
    is_error(site.ask("DELETE", site.prefix + "/mcp", None, lost["headers"]), 404)
    for message in (session, INITIALIZED):
        is_error(site.ask("POST", lost["path"], message, {"Content-Type": "application/json"}), 404)
    took = time.monotonic() - sent
    in_time(took < AT_ONCE, f"five answers took {took:.1f} s")
    lifetime(site)


def many(site):
    """PITFALLS R-51: no request is lost while one of two processes is gone."""
    for number in range(20):
        answer = Stateless(site).call("echo_tool", {"message": str(number)})
        same(text(answer.json()), f"Tool echo: {number}", "the answer")


def without_sessions(site):
    """SPEC C-83: 2025-11-25 without sessions needs no affinity."""
    for _ in range(2):
        with site.post(initialize()) as answer:
            same(answer.status, 200, "the status of initialize")
            same(answer.headers["Mcp-Session-Id"], None, "the session")
        answer = site.post(request("tools/call", {"name": "test_simple_text"}), {"MCP-Protocol-Version": "2025-11-25"})
        true("simple text" in text(answer.json()), "the answer")
    with site.listen(site.prefix + "/mcp") as answer:
        same(answer.status, 405, "the status of GET")


def taking_turns(site):
    """PITFALLS R-50: every process accepts the session."""
    session, seen = Session(site), set()
    for number in range(6):
        answer = session.call("echo_tool", {"message": str(number)})
        seen.add(answer.headers["X-Upstream"])
        same(text(answer.json()), f"Tool echo: {number}", "the answer")
    same(len(seen), 2, "how many processes answered")
    with session.stream() as stream:
        same(stream.status, 200, "the status of a stream")
    with session.delete() as answer:
        same(answer.status, 200, "the status of DELETE")


def opened(site):
    """Opens a session and prints its id."""
    print(json.dumps(Session(site).headers))


def goes_on(site, opened):
    """PITFALLS R-50: the process that opened the session has ended, or was restarted."""
    for number in range(4):
        answer = site.post(request("tools/call", {"name": "echo_tool", "arguments": {"message": str(number)}}), opened)
        same(answer.status, 200, "the status")
        same(text(answer.json()), f"Tool echo: {number}", "the answer")


def other_process(site):
    """2026-07-28: each round reaches another process, which opens the state that the first one sealed."""
    declared = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {}}}
    stateless = Stateless(site)
    name, params = "test_input_required_result_multi_round", {}
    seen = set()
    for key, field, word in (("step1", "name", "Ann"), ("step2", "color", "red")):
        with call_of_rounds(stateless, name, params, declared) as answer:
            seen.add(answer.headers["X-Upstream"])
            result = json.loads(answer.response.read())["result"]
        same(list(result["inputRequests"]), [key], "what is asked")
        reply = {"action": "accept", "content": {field: word}}
        params = {"requestState": result["requestState"], "inputResponses": {key: reply}}
    with call_of_rounds(stateless, name, params, declared) as answer:
        seen.add(answer.headers["X-Upstream"])
        same(text(json.loads(answer.response.read())), "Ann likes red.", "the answer")
    same(len(seen), 2, "how many processes answered")


def call_of_rounds(stateless, name, params, declared):
    params = {"name": name, "arguments": {}, "_meta": declared} | params
    return stateless.post("tools/call", params, {"Mcp-Name": name})
