"""Reads what the testers found, and judges it.

    verdict.py FOLDER KNOWN_FAILURES

FOLDER holds `conform.json`, the report of mcp-conform, and for both transports `audit-*.json`, `fuzz-*.json` and
`lint-*.json`, the reports of mcp-assert.
"""

import json
import sys
from pathlib import Path


def conform(report):
    """Checks by name. A fatal error ends the checks."""
    checks = [(check["name"], None if check["passed"] else check["message"]) for check in report["checks"]]
    return checks + [("run", report["fatal_error"])]


def audit(report):
    """Each tool is called once, with arguments made from its schema."""
    for result in report["results"]:
        is_healthy = result["status"] == "healthy"
        yield result["tool"], None if is_healthy else f"{result['error_code']} {result['detail']}"


def fuzz(report):
    """Each tool is called with arguments of every wrong kind: none may hang, crash, or break the transport."""
    for tool in report["tools"]:
        failures = tool.get("failures") or []
        first = failures[0] if failures else None
        why = first and f"{len(failures)} of {tool['runs']}, the first: {first['label']}: {first['detail']}"
        yield tool["tool"], why


def lint(report):
    """Errors alone: warnings are about style. A server without errors has checked every tool."""
    yield "tools", None if report["tools"] else "the list is empty"
    for finding in report.get("findings") or []:
        if finding["severity"] == "error":
            yield finding["tool"], f"{finding['code']} {finding['message']}"


READERS = {"conform": conform, "audit": audit, "fuzz": fuzz, "lint": lint}
RUNS = ["conform"] + [f"{kind}-{transport}" for kind in ("audit", "fuzz", "lint") for transport in ("http", "sse")]


def read(folder, run):
    """The checks of a run: each a name, and why it failed or None."""
    try:
        report = json.loads((folder / f"{run}.json").read_text())
        return list(READERS[run.partition("-")[0]](report))
    except (OSError, ValueError, KeyError, TypeError) as error:
        log = folder / f"{run}.log"
        tail = log.read_text()[-500:] if log.exists() else ""
        return [("run", f"no report: {error!r} {tail}")]


def main(folder, known_failures):
    lines = [line.split() for line in Path(known_failures).read_text().splitlines()]
    known = {tuple(line) for line in lines if len(line) == 2 and not line[0].startswith("#")}
    failed = set()
    is_good = True
    for run in RUNS:
        checks = read(Path(folder), run)
        bad = [(name, why) for name, why in checks if why]
        for name, why in bad:
            failed.add((run, name))
            is_known = (run, name) in known
            is_good = is_good and is_known
            print(f"{'known' if is_known else 'FAIL'} {run} {name}: {why}")
        # A report without checks has judged nothing.
        if not checks:
            is_good = False
            print(f"FAIL {run}: no check ran")
        print(f"{run}: {len(checks)} checks, {len(bad)} failed")
    for run, name in sorted(known - failed):
        is_good = False
        print(f"FAIL {run} {name}: listed in known-failures.txt, but does not fail")
    return 0 if is_good else 1


sys.exit(main(*sys.argv[1:]))
