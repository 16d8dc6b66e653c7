"""Jumps of the wall clock, forwards and backwards, in a run and between two."""

import random
from typing import Any

from bench import Bench
from outcome import difference, facts
from scenarios import Scenario
from server import run
from shim import Fault

__all__ = ["clocks"]

HOUR, DAY, YEAR = 3600, 86400, 365 * 86400
SHIFTS = (-56 * YEAR, -10 * YEAR, -DAY, -HOUR, -2, 2, HOUR, DAY, 12 * YEAR, 80 * YEAR)


def clocks(bench: Bench, scenario: Scenario, draw: random.Random) -> dict[str, Any]:
    """Shift the clock at a random reading; in half of the trials kill, and continue at another time."""
    reference, work = bench.reference(scenario), bench.fresh()
    shift, reading = draw.choice(SHIFTS), draw.randint(1, max(1, reference.readings))
    said, killed = [], draw.random() < 0.5
    if killed:
        after = draw.uniform(0.2, 1.0) * reference.seconds
        before = Fault(shift=shift, reading=1)
        said.append(run(scenario.words, folder=work, fault=before, kill_after=after))
        shift, reading = -shift, 1
    words = [*scenario.words, *scenario.resume] if killed else scenario.words
    said.append(last := run(words, folder=work, fault=Fault(shift=shift, reading=reading)))
    looks = (["cache", "list"], ["report", scenario.writes[-1]])
    said += [run(look, folder=work, fault=Fault(shift=-shift, reading=1)) for look in looks]
    found = difference(
        reference.facts, facts(work, below=scenario.writes), volatile=reference.volatile
    )
    return {
        "moments": [f"{shift / DAY:g} days at reading {reading}, {'killed before' * killed}"],
        "landed": 1,
        "status": last.status,
        "lost": found.lost,
        "wrong": found.wrong,
        "tracebacks": sum(one.traceback for one in said),
        "hangs": sum(one.status is None for one in said),
        "litter": found.litter,
        "first": found.first,
        "said": "" if last.status == 0 and found.none else last.said[-1500:],
        "others": [one.said[-2500:] for one in said if one.traceback],
    }
