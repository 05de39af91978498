// Counts the checks of one run of a suite, and judges it.
//
//   verdict.mjs FOLDER RUN KNOWN_FAILURES
//
// FOLDER holds `scenarios` (what the suite lists of those that ran), `log`, and in `checks` the results of the suite:
// `server-SCENARIO-TIME/checks.json`, an array of {id, description, status, errorMessage?, details?}.

import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const [folder, run, knownFile] = process.argv.slice(2);
const lines = (file) => readFileSync(file, 'utf8').split('\n');

const known = new Set(
  lines(knownFile)
    .map((line) => line.trim().split(/\s+/))
    .filter(([first, ...rest]) => first === run && rest.length === 2)
    .map((words) => words.slice(1).join(' ')),
);

const scenarios = lines(join(folder, 'scenarios'))
  .map((line) => line.match(/^ {2}- (\S+)(?: \[.*\])?$/))
  .filter((match) => match)
  .map((match) => match[1]);

const results = new Map();
for (const entry of readdirSync(join(folder, 'checks'))) {
  const name = entry.match(/^server-(.+)-\d{4}-\d\d-\d\dT[\d-]+Z$/);
  const file = join(folder, 'checks', entry, 'checks.json');
  if (name && existsSync(file)) results.set(name[1], JSON.parse(readFileSync(file, 'utf8')));
}

const count = { SUCCESS: 0, FAILURE: 0, WARNING: 0, SKIPPED: 0 };
const skipped = [];
const bad = [];
for (const scenario of scenarios) {
  const checks = results.get(scenario) ?? [];
  for (const { id, description, status, errorMessage, details } of checks) {
    if (status in count) count[status] += 1;
    if (status === 'SKIPPED') skipped.push(`${scenario} ${id}`);
    if (status !== 'FAILURE' && status !== 'WARNING') continue;
    const why = short(errorMessage ?? description);
    // The message contains the violations of the schema.
    const told = id === 'wire-schema-valid' || Object.keys(details ?? {}).length === 0;
    const more = told ? '' : `\n     ${short(JSON.stringify(details))}`;
    bad.push({ key: `${scenario} ${id}`, text: `${status.toLowerCase()}: ${why}${more}` });
  }
  // A scenario that threw or timed out leaves no file. One that did nothing, or skipped all, has no verdict.
  if (!checks.some(({ status }) => status in count && status !== 'SKIPPED')) {
    const why = checks.length > 0 ? 'skipped all its checks' : `no checks: ${logOf(scenario)}`;
    bad.push({ key: `${scenario} ran`, text: why });
  }
}

const failing = new Set(bad.map(({ key }) => key));
const unexpected = bad.filter(({ key }) => !known.has(key));
const passing = [...known].filter((key) => !failing.has(key));

for (const { key, text } of bad) console.log(`${known.has(key) ? 'known' : 'FAIL'} ${key}: ${text}`);
for (const key of passing) console.log(`FAIL ${key}: listed in known-failures.txt, but does not fail`);
for (const key of skipped) console.log(`skipped ${key}`);
console.log(
  `${run}: ${scenarios.length} scenarios, ${count.SUCCESS} passed, ${count.FAILURE} failed, ` +
    `${count.WARNING} warnings, ${count.SKIPPED} skipped`,
);
const ran = count.SUCCESS + count.FAILURE + count.WARNING;
if (ran === 0) console.log(`FAIL ${run}: no check ran`);
process.exitCode = ran === 0 || unexpected.length > 0 || passing.length > 0 ? 1 : 0;

function short(text) {
  return text.length > 1500 ? `${text.slice(0, 1500)}…` : text;
}

function logOf(scenario) {
  const log = lines(join(folder, 'log'));
  const from = log.findIndex((line) => line.includes(`Running scenario: ${scenario} `));
  if (from < 0) return `the log ends with ${log.slice(-6).join(' | ')}`;
  const length = log.slice(from + 1).findIndex((line) => line.startsWith('=== '));
  return short(log.slice(from + 1, length < 0 ? undefined : from + 1 + length).join(' | '));
}
