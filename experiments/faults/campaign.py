"""Faults of machines against the commands that write files; see README.md.

python campaign.py kills --trials 1000 --out FOLDER
"""

import argparse
import importlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shim import preload

KINDS = ("kills", "errors", "clocks", "flips", "inputs")
"""Kinds of faults; each is a module with a function of its name, and ``CASES`` of its own or none."""


def trials(kind: str, *, numbers: range, out: Path, only: str | None) -> Iterator[dict[str, Any]]:
    """Do the trials that are not done yet; each is a line of ``out/KIND.jsonl``."""
    from bench import Bench
    from scenarios import SCENARIOS

    log = out / f"{kind}.jsonl"
    done = {line["number"] for line in read(log)}
    module = importlib.import_module(kind)
    cases, attempt = getattr(module, "CASES", SCENARIOS), getattr(module, kind)
    shares = [case for case in cases for _ in range(case.share) if only in (None, case.name)]
    bench = Bench(out / f"bench-{kind}-{numbers.start}")
    for number in numbers:
        if number in done:
            continue
        scenario, began = shares[number % len(shares)], time.monotonic()
        trial = attempt(bench, scenario, random.Random(f"{kind} {number}"))
        line = {"scenario": scenario.name, "number": number} | trial
        line["seconds"] = round(time.monotonic() - began, 2)
        with log.open("a") as file:
            file.write(json.dumps(line) + "\n")
        yield line


def read(log: Path) -> list[dict[str, Any]]:
    """Return the trials in a log."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def summary(lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Add up the trials of one kind, by scenario and in all."""
    table: dict[str, Counter[str]] = {}
    for line in lines:
        for name in (line["scenario"], "all"):
            row = table.setdefault(name, Counter())
            row["trials"] += 1
            row["not resumed"] += line["status"] != 0
            row["litter"] += len(line["litter"])
            for count in ("landed", "lost", "wrong", "tracebacks", "hangs", "seconds"):
                row[count] += line[count]
            if "outcome" in line:
                row[line["outcome"]] += 1
    return {
        name: {count: round(value, 1) for count, value in row.items()}
        for name, row in table.items()
    }


def main() -> int:
    """Run a kind of trials, and print what came of them; status 1 where one failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--trials", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="number of the first trial")
    parser.add_argument("--only", help="one scenario")
    parser.add_argument("--out", type=Path, default=Path("faults"))
    parser.add_argument("--summary", action="store_true", help="add up the trials that are done")
    options = parser.parse_args()
    log = options.out / f"{options.kind}.jsonl"
    if options.summary:
        print(json.dumps(summary(read(log)), indent=1))
        return 0
    preload()
    import server

    server.load()
    out = options.out.absolute()
    out.mkdir(parents=True, exist_ok=True)
    numbers = range(options.first, options.first + options.trials)
    lines = []
    for line in trials(options.kind, numbers=numbers, out=out, only=options.only):
        lines.append(line)
        if failed(line):
            print(json.dumps(line, indent=1), flush=True)
    print(json.dumps(summary(lines)["all"] if lines else {}))
    return int(any(map(failed, lines)))


def failed(line: dict[str, Any]) -> bool:
    """Whether a trial shows a fault of ours."""
    bad = ("lost", "wrong", "tracebacks", "hangs")
    return line["status"] != 0 or any(line[name] for name in bad)


if __name__ == "__main__":
    sys.exit(main())
