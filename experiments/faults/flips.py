"""Changed bytes in each kind of file that commands write; then all readers look at them."""

import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import Bench
from mutations import mutated
from outcome import LOCKS, difference, facts
from scenarios import Scenario
from server import Ended, run

__all__ = ["flips"]

PRUNE = "tutelage cache prune --damaged"


def flips(bench: Bench, scenario: Scenario, draw: random.Random) -> dict[str, Any]:
    """Damage a file of a finished or killed command, look at it, continue, and compare.

    What is refused is removed, or trained again, as the message says, and the command is repeated.
    """
    reference, work = bench.reference(scenario), bench.fresh()
    killed = draw.random() < 0.5
    after = draw.uniform(0.3, 1.0) * reference.seconds if killed else None
    run(scenario.words, folder=work, kill_after=after)
    path = _chosen(work, scenario.writes, draw)
    name = str(path.relative_to(work)) if path else "nothing"
    if path:
        path.write_bytes(mutated(path.read_bytes(), draw))
    looks = (["cache", "list"], ["cache", "verify"], ["report", scenario.writes[-1]])
    said = [run(look, folder=work) for look in looks]
    words = [*scenario.words, *scenario.resume]
    said.append(last := run(words, folder=work))
    refusals = []
    while _damaged(last) and len(refusals) < 3:
        refusals.append(last.said.strip()[-400:])
        if PRUNE in last.said:
            said.append(run(["cache", "prune", "--damaged"], folder=work))
        elif path and "train again" in last.said:
            shutil.rmtree(path.parent, ignore_errors=True)
        elif path:
            path.unlink(missing_ok=True)
        said.append(last := run(words, folder=work))
    rows = facts(work, below=scenario.writes)
    found = difference(reference.facts, rows, volatile=reference.volatile)
    rest = difference(reference.facts, rows, volatile=reference.volatile | {name})
    outcome = "refused, then continued" if refusals else "healed"
    if not found.none and rest.none and name in rows:
        # A finished run needs the file no more, so the damage stays until somebody reads it.
        told = any(Path(name).name in one.said for one in said)
        outcome, found = "told" if told else "not read again", rest
    return {
        "moments": [f"{_kind(name)}: {name}{', after a kill' * killed}"],
        "landed": int(path is not None),
        "outcome": outcome,
        "status": last.status,
        "lost": found.lost,
        "wrong": found.wrong,
        "tracebacks": sum(one.traceback or (one.status or 0) < 0 for one in said),
        "hangs": sum(one.status is None for one in said),
        "litter": found.litter,
        "first": found.first,
        "refusals": refusals,
        "said": "" if last.status == 0 and found.none else last.said[-1500:],
        "others": [one.said[-2500:] for one in said if one.traceback],
    }


def _damaged(ended: Ended) -> bool:
    """Whether a command was refused, or a run in its table."""
    return ended.refused or PRUNE in ended.said or " is not a result " in ended.said


def _kind(name: str) -> str:
    return re.sub(r"\d+", "N", Path(name).name)


def _chosen(work: Path, writes: Sequence[str], draw: random.Random) -> Path | None:
    """Choose a kind of file, then a file of it."""
    kinds: dict[str, list[Path]] = {}
    for folder in writes:
        for path in sorted((work / folder).rglob("*")):
            if path.is_file() and not any(part.endswith(LOCKS) for part in path.parts):
                kinds.setdefault(_kind(str(path)), []).append(path)
    return draw.choice(kinds[draw.choice(sorted(kinds))]) if kinds else None
