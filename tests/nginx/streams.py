"""Streams through nginx: what arrives, and when.

Most steps need no clock: the client causes each event only after it has received the previous one. With a proxy
that buffers, such a conversation stops.
"""

import json
import time

from client import INITIALIZED, Session, Stateless, endpoint, in_time, initialize, request, same, text, true

# A proxy that buffers delays the first bytes at least until the keep-alive after 15 s.
AT_ONCE = 5
TOOLS_CHANGED = "notifications/tools/list_changed"


def is_stream(answer):
    same(answer.status, 200, "the status of a stream")
    same(answer.headers["Content-Type"], "text/event-stream", "its type")
    same(answer.headers["Content-Length"], None, "its Content-Length")
    same(answer.headers["Transfer-Encoding"], "chunked", "its Transfer-Encoding")
    same(answer.headers["Cache-Control"], "no-cache, no-transform", "its Cache-Control")


def at_once(answer, at):
    in_time(at - answer.sent < AT_ONCE, f"first bytes after {at - answer.sent:.1f} s")


def http_sse(site):
    """2024-11-05: the endpoint event arrives at once, with the public path; the answers arrive on the stream (PITFALLS R-19, R-47)."""
    with site.listen(site.prefix + "/sse") as stream:
        is_stream(stream)
        path, at = endpoint(stream)
        at_once(stream, at)
        true(path.startswith(site.prefix + "/messages/?session_id="), f"the endpoint is {path}")
        for message in (initialize(), INITIALIZED, request("tools/call", {"name": "test_simple_text"})):
            with site.ask("POST", path, message, {"Content-Type": "application/json"}) as answer:
                same(answer.status, 202, f"the status of {message['method']}")
            if "id" in message:
                answered(stream, message["id"])


def answered(stream, id):
    """Skips changes that concurrent checks cause."""
    while stream.message()[0].get("id") != id:
        pass


def standalone(site):
    """2025-11-25, GET: the first bytes arrive at once, and so does a change that another request causes."""
    session = Session(site)
    with session.stream() as stream:
        is_stream(stream)
        at_once(stream, stream.block()[1])
        session.call("test_trigger_tool_change").close()
        same(stream.message()[0]["method"], TOOLS_CHANGED, "the event")


def asks(site):
    """2025-11-25: a call asks its client on the stream of the call."""
    session = Session(site, {"elicitation": {}})
    with session.call("test_elicitation", {"message": "Who?"}) as stream:
        is_stream(stream)
        question, _ = stream.message()
        same(question["method"], "elicitation/create", "the event")
        reply = {"jsonrpc": "2.0", "id": question["id"], "result": {"action": "decline"}}
        with session.post(reply) as taken:
            same(taken.status, 202, "the status of the reply")
        true("result" in stream.message()[0], "the call ends")


def listening(site):
    """2026-07-28: subscriptions/listen is acknowledged at once, and receives changes."""
    stateless = Stateless(site)
    with stateless.listen() as stream:
        is_stream(stream)
        acknowledged, at = stream.message()
        at_once(stream, at)
        same(acknowledged["method"], "notifications/subscriptions/acknowledged", "the first message")
        stateless.call("test_trigger_tool_change").close()
        same(stream.message()[0]["method"], TOOLS_CHANGED, "the second")


def progress(site):
    """Both eras: three progress events and the answer, 50 ms apart, arrive separately."""
    for client in (Session(site), Stateless(site)):
        with client.call("test_tool_with_progress", meta={"progressToken": 7}) as stream:
            is_stream(stream)
            arrived = [stream.message() for _ in range(4)]
        same([message.get("method") for message, _ in arrived[:3]], ["notifications/progress"] * 3, "the events")
        same(text(arrived[3][0]), "Tool with progress executed successfully", "the answer")
        span = arrived[3][1] - arrived[0][1]
        in_time(span >= 0.1, f"{type(client).__name__}: all within {span:.3f} s instead of 0.15 s")


def silent(site):
    """Both eras: a call of 4 s sends something after a second of silence (PITFALLS R-19, R-22)."""
    for client in (Session(site), Stateless(site)):
        with client.call("slow_tool", {"ms": 4000}) as stream:
            is_stream(stream)
            _, first = stream.block()
            answer, last = stream.message()
            same(text(answer), "slept 4000", "the answer")
            in_time(last - first >= 1, f"{type(client).__name__}: first bytes {last - first:.1f} s before the last")


def leaving(site):
    """2026-07-28: disconnecting cancels the call, although nginx closes the connection to the server (SPEC D-84)."""
    stateless = Stateless(site)
    before = counted(stateless)
    with stateless.call("slow_tool", {"ms": 60_000}) as stream:
        stream.block()
    end = time.monotonic() + 15
    while counted(stateless)["cancelled"] == before["cancelled"]:
        true(time.monotonic() < end, "the call is not cancelled after 15 s")
        time.sleep(0.1)


def counted(stateless):
    return json.loads(text(stateless.call("stats_tool").json()))


EVERY = (http_sse, standalone, asks, listening, progress, silent, leaving)


def get_sse(site):
    return site.listen(site.prefix + "/sse")


def get_mcp(site):
    return Session(site).stream()


def silent_post_with_session(site):
    return Session(site).call("slow_tool", {"ms": 600_000})


def silent_post(site):
    return Stateless(site).call("slow_tool", {"ms": 600_000})


def subscriptions_listen(site):
    return Stateless(site).listen()


# One quiet stream of each kind. The calls run longer than the test.
QUIET = (get_sse, get_mcp, silent_post_with_session, silent_post, subscriptions_listen)


def lives(opened, site, seconds):
    """Reads for this long; fails if the stream ends (PITFALLS R-20)."""
    with opened(site) as stream:
        comments, at = 0, stream.sent
        while at < stream.sent + seconds:
            block = stream.block(30)
            in_time(block, f"cut {time.monotonic() - stream.sent:.1f} s after the request, {comments} comments")
            lines, at = block
            comments += lines == [": ping"]
        true(comments > 1, "no keep-alive")
        return f"{comments} comments in {at - stream.sent:.1f} s"


def is_cut(opened, site, seconds):
    """Reads until the end, which has to come within this many seconds."""
    stream = opened(site)
    stream.end(seconds)
    took = time.monotonic() - stream.sent
    in_time(took < seconds, f"cut after {took:.1f} s only")
    return f"cut after {took:.1f} s"
