// The official TypeScript clients: hides their differences, and records what they send and receive.

import assert from 'node:assert/strict';

import { shown } from './report.mjs';

const clientInfo = { name: 'interop', version: '0' };
const capabilities = { sampling: {}, elicitation: {}, roots: { listChanged: true } };

export async function sdk1() {
  const at = '@modelcontextprotocol/sdk';
  const { Client } = await import(`${at}/client/index.js`);
  const { StreamableHTTPClientTransport } = await import(`${at}/client/streamableHttp.js`);
  const { SSEClientTransport } = await import(`${at}/client/sse.js`);
  const { StdioClientTransport } = await import(`${at}/client/stdio.js`);
  const types = await import(`${at}/types.js`);
  const schemas = {
    'sampling/createMessage': types.CreateMessageRequestSchema,
    'elicitation/create': types.ElicitRequestSchema,
    'roots/list': types.ListRootsRequestSchema,
    'notifications/message': types.LoggingMessageNotificationSchema,
    'notifications/tools/list_changed': types.ToolListChangedNotificationSchema,
  };
  return {
    StreamableHTTPClientTransport,
    SSEClientTransport,
    StdioClientTransport,
    client: () => new Client(clientInfo, { capabilities }),
    answer: (client, method, handler) => client.setRequestHandler(schemas[method], handler),
    notice: (client, method, handler) => client.setNotificationHandler(schemas[method], handler),
    call: (client, params, options) => client.callTool(params, undefined, options),
  };
}

export async function sdk2() {
  const at = '@modelcontextprotocol/client';
  const { Client, StreamableHTTPClientTransport, SSEClientTransport } = await import(at);
  const { StdioClientTransport } = await import(`${at}/stdio`);
  return {
    StreamableHTTPClientTransport,
    SSEClientTransport,
    StdioClientTransport,
    client: (mode) => new Client(clientInfo, { capabilities, versionNegotiation: { mode } }),
    answer: (client, method, handler) => client.setRequestHandler(method, handler),
    notice: (client, method, handler) => client.setNotificationHandler(method, handler),
    call: (client, params, options) => client.callTool(params, options),
  };
}

// A client that records its HTTP traffic: requests, responses, and streams that a step can cut.
export class Connection {
  exchanges = [];
  running = 0;
  sent = [];
  logs = [];
  listChanges = 0;
  asked = [];
  errors = [];

  // `fetch`: sends the requests, if it is not Node's.
  constructor(sdk, mode, fetch = globalThis.fetch) {
    this.sdk = sdk;
    this.request = fetch;
    this.client = sdk.client(mode);
    this.client.onerror = (error) => this.errors.push(error);
    sdk.answer(this.client, 'sampling/createMessage', async ({ params }) => {
      this.asked.push('sampling');
      const text = `sampled ${params.messages[0].content.text}`;
      return { role: 'assistant', model: 'none', content: { type: 'text', text } };
    });
    sdk.answer(this.client, 'elicitation/create', async ({ params }) => {
      this.asked.push('elicitation');
      const content = {};
      for (const [name, { type }] of Object.entries(params.requestedSchema.properties)) {
        content[name] = { string: `given-${name}`, boolean: true, integer: 3, number: 1.5 }[type];
      }
      return { action: 'accept', content };
    });
    sdk.answer(this.client, 'roots/list', async () => {
      this.asked.push('roots');
      return { roots: [{ uri: 'file:///given/root', name: 'given-root' }] };
    });
    sdk.notice(this.client, 'notifications/message', ({ params }) => void this.logs.push(params));
    sdk.notice(this.client, 'notifications/tools/list_changed', () => void (this.listChanges += 1));
  }

  fetch = async (url, init = {}) => {
    const method = init.method ?? 'GET';
    const cut = new AbortController();
    const signal = AbortSignal.any([cut.signal, ...(init.signal ? [init.signal] : [])]);
    const exchange = { method, headers: new Headers(init.headers), cut: () => cut.abort() };
    this.exchanges.push(exchange);
    this.running += 1;
    try {
      const response = await this.request(url, { ...init, signal });
      exchange.status = response.status;
      exchange.type = response.headers.get('content-type') ?? '';
      exchange.sessionId = response.headers.get('mcp-session-id');
      return response;
    } finally {
      this.running -= 1;
    }
  };

  // `revision`: replaces the revision that the SDK requests in `initialize`.
  async connect(transport, revision) {
    this.transport = transport;
    const send = transport.send.bind(transport);
    transport.send = (message, options) => {
      this.sent.push(message);
      if (revision && message.method === 'initialize') {
        message = { ...message, params: { ...message.params, protocolVersion: revision } };
      }
      return send(message, options);
    };
    // The first SDK reports the negotiated revision only to its transport.
    const set = transport.setProtocolVersion?.bind(transport);
    transport.setProtocolVersion = (version) => {
      this.version = version;
      set?.(version);
    };
    await this.client.connect(transport);
  }

  overHttp(url, revision) {
    const { StreamableHTTPClientTransport: Transport } = this.sdk;
    return this.connect(new Transport(new URL(`${url}/mcp`), { fetch: this.fetch }), revision);
  }

  overSse(url) {
    const { SSEClientTransport: Transport } = this.sdk;
    return this.connect(new Transport(new URL(`${url}/sse`), { fetch: this.fetch }));
  }

  overStdio(program) {
    const { StdioClientTransport: Transport } = this.sdk;
    return this.connect(new Transport({ command: program, args: ['--stdio'] }));
  }

  of(method) {
    return this.exchanges.filter((exchange) => exchange.method === method);
  }

  call(name, args, options) {
    return this.sdk.call(this.client, { name, arguments: args }, options);
  }

  async text(name, args, options) {
    const result = await this.call(name, args, options);
    assert.ok(!result.isError, `${name} failed: ${JSON.stringify(result)}`);
    assert.equal(result.content[0].type, 'text');
    return result.content[0].text;
  }

  async echo(message) {
    assert.equal(await this.text('echo_tool', { message }), `Tool echo: ${message}`);
  }

  noErrors() {
    assert.deepEqual(this.errors.map(shown), [], 'errors that the client reported');
  }
}
