// Checks a running everything server with an official TypeScript client.
//
//   client.mjs 1 URL    @modelcontextprotocol/sdk, up to revision 2025-11-25
//   client.mjs 2 URL    @modelcontextprotocol/client, which also supports 2026-07-28
//
// Runs every step, prints `ok` or `FAIL` for each, exits with 1 after a failure.

import assert from 'node:assert/strict';

import { codeOf, end, sleep, step, until, within } from './report.mjs';
import { Connection, sdk1, sdk2 } from './sdk.mjs';

const ALL_SECONDS = 300;
// The revisions that both SDKs request in `initialize`, by default and on demand.
const LATEST_HANDSHAKE = '2025-11-25';
const OLDER_HANDSHAKES = ['2025-06-18', '2025-03-26'];
const HANDSHAKES = [LATEST_HANDSHAKE, ...OLDER_HANDSHAKES, '2024-11-05'];
const MODERN = '2026-07-28';
const INVALID_PARAMS = -32602;

// Characters of two, three and four bytes, all line ends, and characters that JSON has to escape.
const AWKWARD =
  'é ß 日本語\n\r\n\t\u0085\u2028\u2029 \u{1f980}👩‍🚀 "quoted" \\ \x01 \x7f </script> data: x\n\nevent: y';
const LONG = 'é0123456-'.repeat(30_000);

// Steps for every transport and revision

async function features(at, connection, { modern = false, overSse = false } = {}) {
  const { client } = connection;
  let tools = [];
  await step(`${at} list tools`, async () => {
    ({ tools } = await client.listTools());
    const echo = tools.find(({ name }) => name === 'echo_tool');
    assert.deepEqual(echo?.inputSchema.required, ['message']);
  });
  await step(`${at} call tools`, async () => {
    for (const message of ['hello world', '', AWKWARD, LONG]) await connection.echo(message);
    const simple = await connection.text('test_simple_text', {});
    assert.equal(simple, 'This is a simple text response for testing.');
  });
  await step(`${at} a failing tool, an unknown tool`, async () => {
    const failing = await connection.call('test_error_handling', {});
    assert.equal(failing.isError, true);
    assert.equal(await codeOf(connection.call('no_such_tool', {})), INVALID_PARAMS);
  });
  await step(`${at} content of every kind`, async () => {
    const types = async (name) => (await connection.call(name, {})).content.map(({ type }) => type);
    assert.deepEqual(await types('test_image_content'), ['image']);
    assert.deepEqual(await types('test_embedded_resource'), ['resource']);
    assert.deepEqual(await types('test_multiple_content_types'), ['text', 'image', 'resource']);
  });
  await step(`${at} progress`, async () => {
    const seen = [];
    const onprogress = ({ progress, total }) => seen.push([progress, total]);
    await connection.text('test_tool_with_progress', {}, { onprogress });
    // The SDKs handle notifications later than answers. If both arrive in one chunk of the /sse stream, the SDK
    // handles the answer first, and then does not know the token of the progress.
    if (overSse && seen.length === 2) {
      connection.errors = connection.errors.filter(({ message }) => !message.includes('"progress":100,'));
      seen.push([100, 100]);
    }
    assert.deepEqual(seen, [[0, 100], [50, 100], [100, 100]]);
  });
  await step(`${at} resources`, async () => {
    const { resources } = await client.listResources();
    assert.ok(resources.some(({ uri }) => uri === 'test://static-text'), 'test://static-text is not listed');
    const { resourceTemplates } = await client.listResourceTemplates();
    const templates = resourceTemplates.map(({ uriTemplate }) => uriTemplate);
    for (const wanted of ['echo://{message}', 'test://template/{id}/data']) assert.ok(templates.includes(wanted));
    const read = async (uri) => (await client.readResource({ uri })).contents[0];
    assert.equal((await read('test://static-text')).text, 'This is the content of the static text resource.');
    assert.equal((await read('test://static-binary')).mimeType, 'image/png');
    assert.match((await read('test://template/123/data')).text, /123/);
    assert.equal((await read('echo://%C3%A9%F0%9F%A6%80%2Fx')).text, 'Resource echo: é\u{1f980}/x');
    assert.equal(typeof (await codeOf(read('nope://hello'))), 'number');
  });
  await step(`${at} prompts`, async () => {
    const { prompts } = await client.listPrompts();
    assert.ok(prompts.some(({ name }) => name === 'echo_prompt'), 'echo_prompt is not listed');
    const got = await client.getPrompt({ name: 'echo_prompt', arguments: { message: AWKWARD } });
    assert.equal(got.messages[0].content.text, `Please process this message: ${AWKWARD}`);
    const args = { arg1: 'one', arg2: 'two' };
    const two = await client.getPrompt({ name: 'test_prompt_with_arguments', arguments: args });
    assert.match(two.messages[0].content.text, /one.*two/);
    assert.equal(await codeOf(client.getPrompt({ name: 'no_such_prompt' })), INVALID_PARAMS);
  });
  await step(`${at} completion`, async () => {
    const ref = { type: 'ref/prompt', name: 'test_prompt_with_arguments' };
    const { completion } = await client.complete({ ref, argument: { name: 'arg1', value: 'test' } });
    assert.ok(Array.isArray(completion.values));
  });
  await step(`${at} 50 calls at once`, async () => {
    await Promise.all(Array.from({ length: 50 }, (_, n) => connection.echo(`call ${n} ${'x'.repeat(n * 97)}`)));
  });
  await step(`${at} the client reported no error`, async () => connection.noErrors());
  await step(`${at} cancel a call`, async () => {
    const abort = new AbortController();
    const call = connection.call('slow_tool', { ms: 15_000 }, { signal: abort.signal });
    const started = connection.sent.length;
    setTimeout(() => abort.abort('enough'), 300);
    const start = Date.now();
    await assert.rejects(call);
    assert.ok(Date.now() - start < 5000, 'the client waited for the tool');
    if (!modern) {
      const told = () => connection.sent.slice(started).some(({ method }) => method === 'notifications/cancelled');
      await until(told, 'the cancellation is sent');
    }
    await connection.echo('after the cancellation');
  });
  return tools;
}

// The two eras

async function legacyFeatures(at, connection, version) {
  const { client } = connection;
  await step(`${at} ping`, async () => {
    assert.deepEqual(await client.ping(), {});
  });
  await step(`${at} logging`, async () => {
    await client.setLoggingLevel('debug');
    connection.logs.length = 0;
    await connection.text('test_tool_with_logging', {});
    await until(() => connection.logs.length >= 3, 'three messages are logged');
    const wanted = ['Tool execution started', 'Tool processing data', 'Tool execution completed'];
    assert.deepEqual(connection.logs.map(({ data }) => data), wanted);
    assert.equal(await codeOf(client.setLoggingLevel('verbose')), INVALID_PARAMS);
  });
  await step(`${at} sampling`, async () => {
    const text = await connection.text('test_sampling', { prompt: AWKWARD });
    assert.equal(text, `LLM response: sampled ${AWKWARD}`);
  });
  // Elicitation came with this revision.
  if (version >= '2025-06-18') {
    await step(`${at} elicitation`, async () => {
      const text = await connection.text('test_elicitation', { message: 'who?' });
      assert.match(text, /given-username/);
    });
  }
  await step(`${at} subscribe to a resource`, async () => {
    const uri = 'test://watched-resource';
    assert.deepEqual(await client.subscribeResource({ uri }), {});
    assert.deepEqual(await client.unsubscribeResource({ uri }), {});
  });
  await step(`${at} a change of tools is announced`, async () => {
    const before = connection.listChanges;
    await connection.call('test_trigger_tool_change', {});
    await until(() => connection.listChanges > before, 'notifications/tools/list_changed');
  });
}

async function legacyHttp(sdk, url, revision) {
  const at = `/mcp ${revision}:`;
  const connection = new Connection(sdk, 'legacy');
  const { client } = connection;
  await step(`${at} initialize`, async () => {
    await connection.overHttp(url, revision === LATEST_HANDSHAKE ? undefined : revision);
    const { name, version } = client.getServerVersion();
    assert.ok(name && version, 'no server name or version');
    assert.equal(connection.version, revision);
    assert.match(connection.transport.sessionId ?? '', /^[\x21-\x7e]+$/);
    await until(() => connection.of('GET').some(({ status }) => status), 'the stream of the session');
    const [stream] = connection.of('GET');
    assert.equal(stream.status, 200);
    assert.match(stream.type, /^text\/event-stream/);
  });
  if (connection.version !== revision) return;
  await features(at, connection);
  await step(`${at} the exchange of the cancelled call ends`, async () => {
    await until(() => connection.running === 0, 'no POST is open');
  });
  await legacyFeatures(at, connection, connection.version);
  // In earlier revisions a stream does not end before its answer.
  if (revision === LATEST_HANDSHAKE) {
    await step(`${at} a stream that the server ends early is resumed`, async () => {
      const before = connection.of('GET').length;
      assert.equal(typeof (await connection.text('test_reconnection', {})), 'string');
      const resumed = connection.of('GET').slice(before);
      assert.ok(resumed.some(({ headers }) => headers.has('last-event-id')), 'no GET with Last-Event-ID');
    });
  }
  await step(`${at} the stream of the session, cut, comes back`, async () => {
    const streams = connection.of('GET').filter(({ headers }) => headers.get('accept') === 'text/event-stream');
    const before = connection.of('GET').length;
    for (const { cut } of streams) cut();
    const back = () => connection.of('GET').slice(before).some(({ status }) => status === 200);
    await until(back, 'another GET', 10);
    const changes = connection.listChanges;
    await connection.call('test_trigger_tool_change', {});
    await until(() => connection.listChanges > changes, 'notifications/tools/list_changed on the new stream');
    await connection.echo('after the cut');
  });
  await step(`${at} the end of the session`, async () => {
    const { sessionId } = connection.transport;
    await connection.transport.terminateSession();
    const [{ status }] = connection.of('DELETE');
    assert.ok(status === 200 || status === 204, `DELETE gives ${status}`);
    const headers = {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': sessionId,
    };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'ping' });
    assert.equal((await fetch(`${url}/mcp`, { method: 'POST', headers, body })).status, 404);
    assert.equal((await fetch(`${url}/mcp`, { headers })).status, 404);
    assert.equal((await fetch(`${url}/mcp`, { method: 'DELETE', headers })).status, 404);
  });
  await client.close();
}

// A client that comes back for a call without an answer gives up after it was refused.
async function cancelledCall(sdk, url) {
  await step('/mcp: nobody comes back for ever to a cancelled call', async () => {
    const connection = new Connection(sdk, 'legacy');
    await connection.overHttp(url);
    const abort = new AbortController();
    const call = connection.call('slow_tool', { ms: 15_000 }, { signal: abort.signal });
    const isStream = ({ type }) => type?.startsWith('text/event-stream');
    await until(() => connection.of('POST').some(isStream), 'the call has a stream');
    abort.abort('enough');
    await assert.rejects(call);
    const back = () => connection.of('GET').filter(({ headers }) => headers.has('last-event-id'));
    await sleep(7000);
    const statuses = back().map(({ status }) => status);
    assert.ok(statuses.length <= 3, `it came back, and got ${statuses}`);
    await connection.echo('after it');
    await connection.client.close();
  });
}

async function modernHttp(sdk, url, mode) {
  const at = `/mcp ${mode.pin ?? mode}:`;
  const connection = new Connection(sdk, mode);
  const { client } = connection;
  await step(`${at} discover`, async () => {
    await connection.overHttp(url);
    assert.equal(client.getNegotiatedProtocolVersion(), MODERN);
    const { name, version } = client.getServerVersion() ?? {};
    assert.ok(name && version, 'no server name or version');
  });
  if (client.getNegotiatedProtocolVersion() !== MODERN) return;
  const tools = await features(at, connection, { modern: true });
  await step(`${at} input asked for in results`, async () => {
    for (const [tool, wanted] of [
      ['test_input_required_result_elicitation', /given-user_?name|given-name/],
      ['test_input_required_result_sampling', /./],
      ['test_input_required_result_list_roots', /given/],
      ['test_input_required_result_multiple_inputs', /./],
      ['test_input_required_result_multi_round', /./],
    ]) {
      assert.match(await connection.text(tool, {}), wanted, tool);
    }
    assert.deepEqual(new Set(connection.asked), new Set(['elicitation', 'sampling', 'roots']));
    const prompt = await client.getPrompt({ name: 'test_input_required_result_prompt' });
    assert.ok(prompt.messages.length > 0);
  });
  await step(`${at} logging, where a request asks for it`, async () => {
    const params = { name: 'test_logging_tool', arguments: {} };
    await sdk.call(client, params);
    await sleep(100);
    assert.deepEqual(connection.logs, []);
    const _meta = { 'io.modelcontextprotocol/logLevel': 'debug' };
    await sdk.call(client, { ...params, _meta });
    await until(() => connection.logs.length > 0, 'a message is logged');
  });
  await step(`${at} an argument mirrored in a header`, async () => {
    const mirrored = ([, schema]) => schema['x-mcp-header'] && schema.type === 'string';
    const found = tools
      .map(({ name, inputSchema }) => [name, Object.entries(inputSchema.properties ?? {}).find(mirrored)])
      .find(([, property]) => property);
    assert.ok(found, 'no tool with x-mcp-header');
    const [tool, [property, schema]] = found;
    for (const value of ['plain', ' é 日本 ', 'x'.repeat(3000)]) {
      await connection.text(tool, { [property]: value });
      const { headers } = connection.of('POST').at(-1);
      assert.ok(headers.has(`mcp-param-${schema['x-mcp-header']}`), 'the client mirrored nothing');
    }
  });
  await step(`${at} listeners receive a change of tools`, async () => {
    const before = connection.listChanges;
    const subscription = await client.listen({ toolsListChanged: true });
    assert.equal(subscription.honoredFilter.toolsListChanged, true);
    await connection.call('test_trigger_tool_change', {});
    await until(() => connection.listChanges > before, 'notifications/tools/list_changed');
    await subscription.close();
    assert.equal(await subscription.closed, 'local');
    await connection.echo('after the subscription');
  });
  await step(`${at} no session, no handshake, no GET`, async () => {
    assert.deepEqual(connection.exchanges.filter(({ sessionId }) => sessionId), []);
    assert.deepEqual(connection.of('GET').length + connection.of('DELETE').length, 0);
    assert.ok(!connection.sent.some(({ method }) => method === 'initialize'), 'initialize was sent');
  });
  await client.close();
}

async function sse(sdk, url, mode) {
  const at = `/sse ${mode}:`;
  const connection = new Connection(sdk, mode);
  await step(`${at} initialize`, async () => {
    await connection.overSse(url);
    assert.ok(connection.client.getServerVersion().name);
    assert.ok(HANDSHAKES.includes(connection.version), `revision ${connection.version}`);
  });
  if (!connection.version) return;
  await features(at, connection, { overSse: true });
  await legacyFeatures(at, connection, connection.version);
  await step(`${at} two sessions at once`, async () => {
    const other = new Connection(sdk, mode);
    await other.overSse(url);
    const calls = Array.from({ length: 25 }, (_, n) => [connection.echo(`one ${n}`), other.echo(`two ${n}`)]);
    await Promise.all(calls.flat());
    other.noErrors();
    await other.client.close();
  });
  await connection.client.close();
}

const [generation, base] = process.argv.slice(2);
if (!['1', '2'].includes(generation) || !base) {
  console.error('usage: client.mjs 1|2 URL');
  process.exit(2);
}
const url = base.replace(/\/$/, '');
within(ALL_SECONDS);

const sdk = await (generation === '1' ? sdk1() : sdk2());
const cancelled = cancelledCall(sdk, url);
for (const revision of [LATEST_HANDSHAKE, ...OLDER_HANDSHAKES]) await legacyHttp(sdk, url, revision);
if (generation === '2') {
  await modernHttp(sdk, url, 'auto');
  await modernHttp(sdk, url, { pin: MODERN });
}
await sse(sdk, url, 'legacy');
if (generation === '2') await sse(sdk, url, 'auto');
await cancelled;

end(generation === '1' ? '@modelcontextprotocol/sdk' : '@modelcontextprotocol/client');
