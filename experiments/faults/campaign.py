"""Faults of machines against the commands that write files; see README.md.

python campaign.py kills --trials 1000 --out FOLDER
"""

import argparse
import json
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shim import Fault, preload

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Reference:
    """An undisturbed run of a scenario: what it leaves, and what it takes."""

    facts: Any
    volatile: frozenset[str]
    seconds: float
    operations: int
    readings: int


class Bench:
    """A place for trials: one folder of inputs, and a fresh working folder for each trial."""

    def __init__(self, folder: Path) -> None:
        import scenarios

        self.inputs = folder / "inputs"
        self.work = folder / "work"
        shutil.rmtree(folder, ignore_errors=True)
        scenarios.prepare(self.inputs)
        self._references: dict[str, Reference] = {}

    def fresh(self) -> Path:
        """Return an empty working folder with links to the inputs."""
        for name in ("work", "work.tmp"):
            shutil.rmtree(self.work.with_name(name), ignore_errors=True)
            self.work.with_name(name).mkdir()
        for path in self.inputs.iterdir():
            (self.work / path.name).symlink_to(path)
        return self.work

    def reference(self, scenario: Any) -> Reference:
        """Run a scenario undisturbed, twice; what differs then is volatile."""
        from outcome import facts
        from server import run

        if scenario.name not in self._references:
            ended, held = [], []
            for _ in range(2):
                ended.append(run(scenario.words, folder=self.fresh()))
                held.append(facts(self.work, below=scenario.writes))
                if ended[-1].status != 0:
                    raise SystemExit(f"{scenario.name} fails undisturbed:\n{ended[-1].said}")
            volatile = {name for name in held[0] if held[0][name] != held[1].get(name)}
            self._references[scenario.name] = Reference(
                held[0],
                frozenset(volatile),
                min(one.seconds for one in ended),
                ended[0].operations,
                ended[0].readings,
            )
        return self._references[scenario.name]


def kills(bench: Bench, scenario: Any, draw: random.Random) -> dict[str, Any]:
    """Kill a command at random, up to three times; then continue it, and compare."""
    from outcome import difference, facts
    from server import run

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


KINDS: dict[str, Callable[[Bench, Any, random.Random], dict[str, Any]]] = {"kills": kills}


def trials(
    kind: str, *, count: int, seed: int, out: Path, only: str | None
) -> Iterator[dict[str, Any]]:
    """Do the trials that are not done yet; each is a line of ``out/KIND.jsonl``."""
    from scenarios import SCENARIOS

    log = out / f"{kind}.jsonl"
    lines = log.read_text().splitlines() if log.exists() else []
    done = {(line["scenario"], line["number"]) for line in map(json.loads, lines)}
    shares = [s for s in SCENARIOS for _ in range(s.share) if only in (None, s.name)]
    bench = Bench(out / f"bench-{kind}-{seed}")
    for number in range(seed, seed + count):
        scenario = shares[number % len(shares)]
        if (scenario.name, number) in done:
            continue
        began = time.monotonic()
        trial = KINDS[kind](bench, scenario, random.Random(f"{kind} {number}"))
        line = {"scenario": scenario.name, "number": number} | trial
        line["seconds"] = round(time.monotonic() - began, 2)
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        yield line


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up the trials of one kind, by scenario."""
    table: dict[str, Counter[str]] = {}
    for line in lines:
        row = table.setdefault(line["scenario"], Counter())
        row["trials"] += 1
        row["not resumed"] += line["status"] != 0
        row["litter"] += len(line["litter"])
        for name in ("landed", "lost", "wrong", "tracebacks", "hangs", "seconds"):
            row[name] += line[name]
    return {name: dict(row) for name, row in table.items()}


def main() -> int:
    """Run a kind of trials, and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", help="one scenario")
    parser.add_argument("--out", type=Path, default=Path("faults"))
    options = parser.parse_args()
    preload()
    import server

    server.load()
    options.out = options.out.absolute()
    options.out.mkdir(parents=True, exist_ok=True)
    lines = []
    for line in trials(
        options.kind, count=options.trials, seed=options.seed, out=options.out, only=options.only
    ):
        lines.append(line)
        bad = (
            any(line[name] for name in ("lost", "wrong", "tracebacks", "hangs", "litter"))
            or line["status"]
        )
        if bad:
            print(json.dumps(line, indent=1), flush=True)
    print(json.dumps(summary(lines), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
