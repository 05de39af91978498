"""Steps of a check, and their assertions."""

from contextlib import asynccontextmanager

import anyio

STEP_SECONDS = 20


class Report:
    """Prints the steps, and records which of them failed."""

    def __init__(self):
        self.at = ""
        self.passed = 0
        self.failed = []

    @asynccontextmanager
    async def step(self, name, seconds=STEP_SECONDS):
        name = self.at + name
        try:
            with anyio.fail_after(seconds):
                yield
        except Exception as error:
            self.fail(name, error)
        else:
            self.passed += 1
            print(f"ok {name}", flush=True)

    def fail(self, name, error):
        self.failed.append(name)
        print(f"FAIL {name}: {'; '.join(causes(error))}", flush=True)


def causes(error):
    inner = getattr(error, "exceptions", None)
    if inner is None:
        text = str(error)
        return [f"{type(error).__name__}: {text}" if text else type(error).__name__]
    return [cause for one in inner for cause in causes(one)]


def same(got, wanted, what):
    if got == wanted:
        return
    got, wanted = repr(got), repr(wanted)
    if len(got) + len(wanted) > 2000:
        at = next((n for n, (a, b) in enumerate(zip(got, wanted)) if a != b), min(len(got), len(wanted)))
        start = max(at - 40, 0)
        raise AssertionError(
            f"{what}: {len(got)} against {len(wanted)} characters, differ at {at}: "
            f"{got[start : at + 80]} is not {wanted[start : at + 80]}"
        )
    raise AssertionError(f"{what}: {got} is not {wanted}")


def true(condition, what):
    if not condition:
        raise AssertionError(what)
