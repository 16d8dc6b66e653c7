"""Kills at random moments, and around file operations; then the command is continued."""

import random
from typing import Any

from bench import Bench
from outcome import difference, facts
from scenarios import Scenario
from server import run
from shim import Fault

__all__ = ["kills"]


def kills(bench: Bench, scenario: Scenario, draw: random.Random) -> dict[str, Any]:
    """Kill a command at random, up to three times; then continue it, and compare."""
    reference, work = bench.reference(scenario), bench.fresh()
    words, moments, landed, said = list(scenario.words), [], 0, []
    for _ in range(draw.choice([1, 1, 1, 2, 2, 3])):
        if draw.random() < 0.4:
            after = draw.uniform(0, 1.05 * reference.seconds)
            ended = run(words, folder=work, kill_after=after)
            moments.append(f"after {after:.3f} s")
        else:
            mode = draw.choice(["killed before", "killed inside", "killed after"])
            number = draw.randint(1, reference.operations)
            ended = run(words, folder=work, fault=Fault(mode, number))
            moments.append(f"{mode} operation {number}")
        landed += ended.killed
        said.append(ended)
        words = [*scenario.words, *scenario.resume]
        if draw.random() < 0.2:
            look = draw.choice(
                [["cache", "list"], ["cache", "verify"], ["report", scenario.writes[-1]]]
            )
            said.append(run(look, folder=work))
    said.append(last := run(words, folder=work))
    found = difference(
        reference.facts, facts(work, below=scenario.writes), volatile=reference.volatile
    )
    return {
        "moments": moments,
        "landed": landed,
        "status": last.status,
        "lost": found.lost,
        "wrong": found.wrong,
        "tracebacks": sum(one.traceback for one in said),
        "hangs": sum(one.status is None for one in said),
        "litter": found.litter,
        "first": found.first,
        "said": "" if last.status == 0 and found.none else last.said[-1500:],
        "others": [one.said[-1500:] for one in said[:-1] if one.traceback or one.status is None],
    }
