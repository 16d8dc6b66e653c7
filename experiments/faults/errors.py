"""Failing file operations: a disk that is full from some moment on, an I/O error, a short write."""

import errno
import random
from typing import Any

from bench import Bench
from outcome import difference, facts
from scenarios import Scenario
from server import run
from shim import OTHER, READING, SPACE, Fault

__all__ = ["errors"]

FAULTS = {
    "disk full": Fault("fail from here on", error=errno.ENOSPC, kinds=SPACE),
    "quota": Fault("fail from here on", error=errno.EDQUOT, kinds=SPACE),
    "I/O error": Fault("fail", error=errno.EIO, kinds=SPACE | OTHER),
    "I/O error in reading": Fault("fail", error=errno.EIO, kinds=READING),
    "read-only from here on": Fault("fail from here on", error=errno.EROFS, kinds=SPACE | OTHER),
    "short write": Fault("short", kinds=SPACE),
}


def errors(bench: Bench, scenario: Scenario, draw: random.Random) -> dict[str, Any]:
    """Let one operation fail: one message, or the right outcome; then continue, and compare."""
    reference, work = bench.reference(scenario), bench.fresh()
    name = draw.choice(list(FAULTS))
    fault = FAULTS[name]
    number = draw.randint(1, bench.operations(scenario, fault.kinds))
    bench.fresh()
    struck = run(
        scenario.words,
        folder=work,
        fault=Fault(fault.mode, number, fault.error, fault.kinds),
    )
    before = facts(work, below=scenario.writes)
    again = [*scenario.words, *scenario.resume]
    last = run(again, folder=work)
    found = difference(
        reference.facts, facts(work, below=scenario.writes), volatile=reference.volatile
    )
    # A command that says that all is well must have left what an undisturbed one leaves.
    claimed = (
        difference(reference.facts, before, volatile=reference.volatile)
        if struck.status == 0
        else None
    )
    return {
        "moments": [f"{name}, operation {number}"],
        "landed": 1,
        "outcome": "refused" if struck.refused else "no harm" if struck.status == 0 else "other",
        "status": last.status,
        "lost": found.lost + (claimed.lost if claimed else 0),
        "wrong": found.wrong + (claimed.wrong if claimed else 0),
        "tracebacks": struck.traceback + last.traceback,
        "hangs": (struck.status is None) + (last.status is None),
        "litter": found.litter,
        "first": found.first + (claimed.first if claimed else ()),
        "said": "" if last.status == 0 and found.none else last.said[-1500:],
        "others": [] if struck.refused or struck.status == 0 else [struck.said[-2500:]],
    }
