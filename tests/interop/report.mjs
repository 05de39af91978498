// Steps of a check, and how they went.

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';

const STEP_SECONDS = 20;

export const report = { passed: 0, failed: 0 };

export async function step(name, body) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done after ${STEP_SECONDS} s`)), STEP_SECONDS * 1000);
  });
  try {
    await Promise.race([body(), late]);
    report.passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    report.failed += 1;
    console.log(`FAIL ${name}: ${shown(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

export function shown(error) {
  const text = String(error?.message ?? error).replaceAll(/\s+/g, ' ');
  const cause = error?.cause ? ` (${error.cause})` : '';
  return `${error?.name ?? 'Error'}: ${text.slice(0, 1500)}${cause}`;
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export async function until(condition, what, seconds = 10) {
  const end = Date.now() + seconds * 1000;
  while (!condition()) {
    assert.ok(Date.now() < end, `${what}: not within ${seconds} s`);
    await sleep(20);
  }
}

export async function codeOf(call) {
  try {
    await call;
  } catch (error) {
    return error.code;
  }
  throw new Error('no JSON-RPC error');
}

// Says how it went, and ends. An open event stream must not keep the process alive.
export function end(name) {
  const locked = createRequire(import.meta.url)('./package-lock.json').packages[`node_modules/${name}`];
  console.log(`${name} ${locked.version}: ${report.passed} ok, ${report.failed} failed`);
  process.exit(report.failed > 0 ? 1 : 0);
}

// Fails the process if it is not done by then.
export function within(seconds) {
  return setTimeout(() => {
    console.log(`FAIL everything: not done after ${seconds} s`);
    process.exit(1);
  }, seconds * 1000);
}
