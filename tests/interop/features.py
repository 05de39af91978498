"""The features of the everything example, on every transport and revision."""

import anyio
from mcp import types
from report import same, true
from sdk import INVALID_PARAMS, error_of, field, uri

ASCII = "hello world"
# Characters of two, three and four bytes, all line ends, and characters that JSON has to escape.
AWKWARD = 'é ß 日本語\n\r\n\t\u0085\u2028\u2029 \U0001f980👩‍🚀 "quoted" \\ \x01 \x7f </script> data: x\n\nevent: y'
LONG = "".join(f"{n:06x}-é" for n in range(300 * 1024 // 9))


async def echo(session, message):
    result = await session.call_tool("echo_tool", {"message": message})
    true(not field(result, "is_error"), f"echo_tool failed: {result!r}")
    same([block.type for block in result.content], ["text"], "content")
    same(result.content[0].text, f"Tool echo: {message}", "answer")


async def read(session, message, wanted):
    result = await session.read_resource(uri(f"echo://{message}"))
    same([content.text for content in result.contents], [f"Resource echo: {wanted}"], "contents")


async def text_of(session, tool, arguments=None, **settings):
    result = await session.call_tool(tool, arguments or {}, **settings)
    true(not field(result, "is_error"), f"{tool} failed: {result!r}")
    return result.content[0].text


async def check_features(step, session):
    async with step("list tools"):
        tools = (await session.list_tools()).tools
        [echo_tool] = [tool for tool in tools if tool.name == "echo_tool"]
        schema = field(echo_tool, "input_schema")
        same(schema.get("type"), "object", "type of the input schema")
        same(list(schema.get("properties", {})), ["message"], "properties")
        same(schema.get("required"), ["message"], "required")
    async with step("list resources"):
        listed = [str(one.uri) for one in (await session.list_resources()).resources]
        true("test://static-text" in listed, f"test://static-text is not among {listed}")
    async with step("list resource templates"):
        templates = field(await session.list_resource_templates(), "resource_templates")
        listed = {field(one, "uri_template") for one in templates}
        true({"echo://{message}", "test://template/{id}/data"} <= listed, f"templates {listed}")
    async with step("list prompts"):
        prompts = (await session.list_prompts()).prompts
        [echo_prompt] = [prompt for prompt in prompts if prompt.name == "echo_prompt"]
        arguments = [(one.name, one.required) for one in echo_prompt.arguments]
        same(arguments, [("message", True)], "arguments")
    async with step("call tool, ASCII"):
        await echo(session, ASCII)
    async with step("call tool, empty message"):
        await echo(session, "")
    async with step("call tool, awkward characters"):
        await echo(session, AWKWARD)
    async with step("call tool, 300 KB"):
        await echo(session, LONG)
    async with step("call unknown tool"):
        error = await error_of(session.call_tool("no_such_tool", {}))
        same(error.code, INVALID_PARAMS, f"code of {error!r}")
    async with step("call tool without its argument"):
        result = await session.call_tool("echo_tool", {})
        true(field(result, "is_error"), f"isError is not set: {result!r}")
        true("message" in result.content[0].text, f"`message` is not named: {result!r}")
    async with step("read resource"):
        await read(session, "hello", "hello")
    async with step("read resource, percent-encoded"):
        await read(session, "hello%20world", "hello world")
    async with step("read resource, percent-encoded UTF-8 and slash"):
        await read(session, "%C3%A9%F0%9F%A6%80%2Fx", "é\U0001f980/x")
    async with step("read unknown resource"):
        error = await error_of(session.read_resource(uri("nope://hello")))
        print(f"   code {error.code}")
    async with step("get prompt"):
        result = await session.get_prompt("echo_prompt", {"message": AWKWARD})
        same([one.role for one in result.messages], ["user"], "roles")
        same(result.messages[0].content.text, f"Please process this message: {AWKWARD}", "prompt")
    async with step("get prompt without its argument"):
        error = await error_of(session.get_prompt("echo_prompt", {}))
        same(error.code, INVALID_PARAMS, f"code of {error!r}")
    async with step("get unknown prompt"):
        error = await error_of(session.get_prompt("no_such_prompt", {}))
        same(error.code, INVALID_PARAMS, f"code of {error!r}")
    async with step("read text, binary and a template"):
        contents = (await session.read_resource(uri("test://static-text"))).contents
        same([one.text for one in contents], ["This is the content of the static text resource."], "contents")
        contents = (await session.read_resource(uri("test://static-binary"))).contents
        same([field(one, "mime_type") for one in contents], ["image/png"], "types")
        true(contents[0].blob, "no blob")
        contents = (await session.read_resource(uri("test://template/123/data"))).contents
        true("123" in contents[0].text, f"contents {contents!r}")
    async with step("content of every kind"):
        same(await text_of(session, "test_simple_text"), "This is a simple text response for testing.", "text")
        for tool, wanted in (
            ("test_image_content", ["image"]),
            ("test_embedded_resource", ["resource"]),
            ("test_multiple_content_types", ["text", "image", "resource"]),
        ):
            content = (await session.call_tool(tool, {})).content
            same([one.type for one in content], wanted, tool)
    async with step("a failing tool"):
        result = await session.call_tool("test_error_handling", {})
        true(field(result, "is_error"), f"isError is not set: {result!r}")
    async with step("progress"):
        seen = []

        async def progressed(progress, total, _message):
            seen.append((progress, total))

        await text_of(session, "test_tool_with_progress", progress_callback=progressed)
        same(seen, [(0, 100), (50, 100), (100, 100)], "progress")
    async with step("completion"):
        ref = types.PromptReference(type="ref/prompt", name="test_prompt_with_arguments")
        completed = await session.complete(ref, {"name": "arg1", "value": "test"})
        true(isinstance(completed.completion.values, list), f"{completed!r}")
    async with step("50 concurrent calls"):
        async with anyio.create_task_group() as group:
            for n in range(50):
                group.start_soon(echo, session, f"call {n} " + "x" * (n * 97))


async def check_handshake_features(step, session, traffic, revision):
    """Features of sessions only: later revisions dropped or changed them."""
    async with step("ping"):
        await session.send_ping()
    async with step("logging"):
        await session.set_logging_level("debug")
        traffic.logged.clear()
        await text_of(session, "test_tool_with_logging")
        await traffic.until(lambda: len(traffic.logged) >= 3)
        wanted = ["Tool execution started", "Tool processing data", "Tool execution completed"]
        same(traffic.logged, wanted, "messages")
    async with step("sampling"):
        text = await text_of(session, "test_sampling", {"prompt": AWKWARD})
        same(text, f"LLM response: sampled {AWKWARD}", "answer")
    # Elicitation came with this revision.
    if revision >= "2025-06-18":
        async with step("elicitation"):
            text = await text_of(session, "test_elicitation", {"message": "who?"})
            true("given-username" in text, f"answer {text!r}")
    async with step("subscribe to a resource"):
        await session.subscribe_resource(uri("test://watched-resource"))
        await session.unsubscribe_resource(uri("test://watched-resource"))
    async with step("a change of tools is announced"):
        before = traffic.list_changes
        await text_of(session, "test_trigger_tool_change")
        await traffic.until(lambda: traffic.list_changes > before)
