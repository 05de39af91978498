// Checks a running everything server with @ai-sdk/mcp, which has transports of its own.
//
//   ai-sdk.mjs URL
//
// Runs every step, prints `ok` or `FAIL` for each, exits with 1 after a failure.

import assert from 'node:assert/strict';

import { createMCPClient } from '@ai-sdk/mcp';

import { end, step } from './report.mjs';

const LINES = 'a\u0085b\u2028c\u2029d';
// The number of requests that a session may run.
const ROOM = 64;

async function text(tool, args) {
  const result = await tool.execute(args, { messages: [], toolCallId: 'one' });
  return result.content[0].text;
}

const url = process.argv[2].replace(/\/$/, '');
const clients = [];
for (const [type, path] of [
  ['http', '/mcp'],
  ['sse', '/sse'],
]) {
  const client = await createMCPClient({ transport: { type, url: `${url}${path}` } });
  clients.push(client);
  const tools = await client.tools();
  await step(`${path}: text with line breaks of Unicode arrives`, async () => {
    assert.equal(await text(tools.echo_tool, { message: LINES }), `Tool echo: ${LINES}`);
  });
  await step(`${path}: a slow call is answered`, async () => {
    assert.equal(await text(tools.slow_tool, { ms: 1500 }), 'slept 1500');
  });
  // Over /mcp it calls without a session.
  if (type === 'http') continue;
  await step(`${path}: a refused call costs no other call and not the session`, async () => {
    const calls = Array.from({ length: ROOM + 2 }, () => text(tools.slow_tool, { ms: 1500 }));
    const ends = await Promise.allSettled(calls);
    const refused = ends.filter(({ status }) => status === 'rejected');
    assert.equal(refused.length, 2);
    for (const { reason } of refused) assert.match(String(reason), /64 running requests/);
    assert.equal(await text(tools.echo_tool, { message: 'after it' }), 'Tool echo: after it');
  });
}
for (const client of clients) await client.close();

end('@ai-sdk/mcp');
