// Checks every way to reach the everything server, with an official TypeScript client or with @ai-sdk/mcp.
//
//   ways.mjs 1|2|ai-sdk TLS_URL CLEAR_URL SOCKET PROGRAM
//
// TLS_URL is a server over TLS, whose authority NODE_EXTRA_CA_CERTS names, CLEAR_URL one over TCP, SOCKET one on a Unix
// socket; all three speak HTTP/1.1 and HTTP/2. PROGRAM is started for standard input and output. Prints `ok` or `FAIL`
// for each step, and exits with 1 after a failure.

import assert from 'node:assert/strict';

import { ElicitationRequestSchema, createMCPClient } from '@ai-sdk/mcp';
import { StdioMCPTransport } from '@ai-sdk/mcp/mcp-stdio';
import { Agent, buildConnector, fetch as undici } from 'undici';

import { codeOf, end, step, until, within } from './report.mjs';
import { Connection, sdk1, sdk2 } from './sdk.mjs';

const ALL_SECONDS = 60;
const MODERN = '2026-07-28';
const INVALID_PARAMS = -32602;
const TEXT = 'é 日本語\n\u2028 \u{1f980} "quoted"';

const [kind, tls, clear, socketPath, program] = process.argv.slice(2);
within(ALL_SECONDS);

// `fetch` of undici by an agent with these settings. Its `protocols` are those of its connections over
// TLS (ALPN) and by prior knowledge.
function by({ connect, ...settings }) {
  const protocols = new Set();
  const connector = buildConnector({ ...connect, ...settings });
  const dispatcher = new Agent({
    ...settings,
    connect: (options, done) =>
      connector(options, (error, socket) => {
        if (socket) protocols.add(socket.alpnProtocol);
        done(error, socket);
      }),
  });
  return Object.assign((url, init) => undici(url, { ...init, dispatcher }), { protocols });
}

// What a client does with a server: the way must not matter. `call` gives the result of a tool, and `abort` calls one
// that never ends until a signal aborts it.
async function exchange(at, { list, call, codeOfUnknown, progress, abort }) {
  const text = async (name, args) => (await call(name, args)).content[0].text;
  const counts = async () => JSON.parse(await text('stats_tool', {}));
  await step(`${at}: list`, async () => assert.ok((await list()).includes('echo_tool')));
  await step(`${at}: call`, async () => {
    assert.equal(await text('echo_tool', { message: TEXT }), `Tool echo: ${TEXT}`);
  });
  await step(`${at}: a question to the client`, async () => {
    assert.match(await text('test_elicitation', { message: 'who?' }), /given-username/);
  });
  if (progress) {
    await step(`${at}: progress`, async () => assert.deepEqual(await progress(), [0, 50, 100]));
  }
  await step(`${at}: errors`, async () => {
    assert.equal((await call('test_error_handling', {})).isError, true);
    if (codeOfUnknown) assert.equal(await codeOfUnknown(), INVALID_PARAMS);
  });
  if (!abort) return;
  await step(`${at}: cancel`, async () => {
    const before = await counts();
    const controller = new AbortController();
    const call = abort(controller.signal);
    call.catch(() => {});
    while ((await counts()).started === before.started);
    controller.abort('enough');
    await assert.rejects(call);
    while ((await counts()).cancelled === before.cancelled);
    assert.equal(await text('echo_tool', { message: 'after it' }), 'Tool echo: after it');
  });
}

// The official clients

async function official(at, connection, connect) {
  const { client } = connection;
  try {
    await connect();
  } catch (error) {
    return step(`${at}: connect`, async () => Promise.reject(error));
  }
  await exchange(at, {
    list: async () => (await client.listTools()).tools.map(({ name }) => name),
    call: (name, args) => connection.call(name, args),
    codeOfUnknown: () => codeOf(connection.call('no_such_tool', {})),
    progress: async () => {
      const seen = [];
      const onprogress = ({ progress }) => seen.push(progress);
      await connection.text('test_tool_with_progress', {}, { onprogress });
      return seen;
    },
    abort: (signal) => connection.call('slow_tool', { ms: 60_000 }, { signal }),
  });
  await client.close();
}

async function checkOfficial(sdk) {
  const local = 'http://localhost';
  const socket = { connect: { socketPath } };
  for (const mode of kind === '2' ? ['legacy', { pin: MODERN }] : ['legacy']) {
    const era = mode.pin ?? mode;
    for (const [way, url, fetch, protocol] of [
      ['TLS', tls],
      ['TLS, HTTP/1.1 by undici', tls, by({ allowH2: false }), 'http/1.1'],
      ['TLS, HTTP/2', tls, by({ allowH2: true }), 'h2'],
      ['HTTP/2 by prior knowledge', clear, by({ useH2c: true, allowH2: true }), 'h2'],
      ['Unix socket', local, by({ ...socket, allowH2: false })],
      ['Unix socket, HTTP/2', local, by({ ...socket, useH2c: true, allowH2: true }), 'h2'],
    ]) {
      const connection = new Connection(sdk, mode, fetch);
      await official(`${way}, ${era}`, connection, () => connection.overHttp(url));
      if (protocol) {
        await step(`${way}, ${era}: the protocol`, async () => {
          assert.deepEqual([...fetch.protocols], [protocol]);
        });
      }
    }
    const connection = new Connection(sdk, mode);
    await official(`stdio, ${era}`, connection, () => connection.overStdio(program));
  }
  const connection = new Connection(sdk, 'legacy');
  await official('TLS, /sse', connection, () => connection.overSse(tls));
}

// @ai-sdk/mcp

async function checkAiSdk() {
  const http = (url, fetch) => ({ type: 'http', url: `${url}/mcp`, ...(fetch && { fetch }) });
  const socket = by({ connect: { socketPath }, allowH2: false });
  for (const [way, transport, canCancel] of [
    ['TLS', http(tls), true],
    ['TLS, /sse', { type: 'sse', url: `${tls}/sse` }, false],
    ['TLS, HTTP/2', http(tls, by({ allowH2: true })), true],
    ['Unix socket', http('http://localhost', socket), true],
    // It tells the server of a cancelled call only by its HTTP request.
    ['stdio', new StdioMCPTransport({ command: program, args: ['--stdio'] }), false],
  ]) {
    const client = await createMCPClient({ transport, capabilities: { elicitation: {} } });
    client.onElicitationRequest(ElicitationRequestSchema, async () => ({
      action: 'accept',
      content: { username: 'given-username', email: 'given-email' },
    }));
    const tools = await client.tools();
    const call = (name, args, options) =>
      tools[name].execute(args, { messages: [], toolCallId: 'one', ...options });
    await exchange(way, {
      list: async () => Object.keys(tools),
      call,
      abort: canCancel && ((abortSignal) => call('slow_tool', { ms: 60_000 }, { abortSignal })),
    });
    await client.close();
  }
}

if (kind === 'ai-sdk') {
  await checkAiSdk();
  end('@ai-sdk/mcp');
} else {
  await checkOfficial(await (kind === '1' ? sdk1() : sdk2()));
  end(kind === '1' ? '@modelcontextprotocol/sdk' : '@modelcontextprotocol/client');
}
