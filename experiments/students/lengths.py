"""The hold-outs' score by the length of training: is the automatic number of steps a good one?

    python lengths.py run TASK --out OUT --data DATA --models MODELS [--minutes 4]
    python lengths.py table

Each way has the learning rate that ``students.py`` chose for fine-tuning, and the automatic number
of steps times a patience. Runs are lines of OUT/TASK.jsonl, as those of ``students.py``, and
the table in README is made from those in ``results/``.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from table import ORDER, RESULTS, with_error, write_table
from task import SPLITS, OutOfTimeError, Task, open_task
from ways import Cell

from tutelage.results.statistics import difference_of_means

PATIENCE = (0.25, 0.5, 1.0, 2.0, 4.0)
MIXES = (0.7, 0.9)
"""Shares of the soft labels: the default, and a large one."""


def cells(task: Task) -> Iterator[tuple[str, list[Cell]]]:
    """Each way with all lengths, by its name."""
    base = task.baseline()
    found = {"fine-tuning": base}
    for mix in MIXES:
        found[f"soft labels, mix {mix}"] = replace(base, method="probe", strength=mix)
    if "unlabelled_steps" in task.grid:
        for mix in MIXES:
            found[f"with unlabelled rows, mix {mix}"] = replace(
                base, method="probe", strength=mix, unlabelled=True
            )
    for name, cell in found.items():
        yield name, [replace(cell, patience=patience) for patience in PATIENCE]


def run(task: Task) -> None:
    """Score all lengths on the hold-outs, the short ones first."""
    found = [cell for _, some in cells(task) for cell in some]
    found.sort(key=lambda cell: cell.patience or 0.0)
    for number in range(SPLITS):
        for cell in found:
            if cell.unlabelled and cell.patience == PATIENCE[-1]:
                continue  # minutes a run
            task.score(cell, rows="holdout", number=number)


def table(tasks: Sequence[Task]) -> str:
    """The score at a patience of 1, and the paired differences of the others from it."""
    lines = [
        "| task, way | automatic length | " + " | ".join(f"x {one:g}" for one in PATIENCE) + " |",
        "| :-- | --: |" + " --: |" * len(PATIENCE),
    ]
    for task in tasks:
        for name, some in cells(task):
            scores = [scores_of(task, cell) for cell in some]
            usual = scores[PATIENCE.index(1.0)]
            if not usual:
                continue
            steps = task.lengths.get(some[PATIENCE.index(1.0)].name, "")
            told = [difference(one, usual) for one in scores]
            lines.append(f"| {task.config.name}, {name} | {steps:,} | {' | '.join(told)} |")
    return "\n".join(lines)


def scores_of(task: Task, cell: Cell) -> dict[int, float]:
    """A cell's scores on the hold-outs, in per cent."""
    done = {number: task.done.get((cell.name, "holdout", number)) for number in range(SPLITS)}
    return {number: 100 * score for number, score in done.items() if score is not None}


def difference(scores: dict[int, float], usual: dict[int, float]) -> str:
    """A difference with its error; of the usual length itself the mean."""
    if scores is usual:
        return f"**{sum(usual.values()) / len(usual):.1f}**"
    if not scores:
        return ""
    one = difference_of_means(scores, usual)
    return with_error(one.mean, one.error, signed=True)


def main() -> int:
    """Run a task's lengths, or write the table; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=["run", "table"])
    parser.add_argument("task", nargs="?", choices=ORDER)
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument("--models", type=Path, default=Path("models"))
    parser.add_argument("--minutes", type=float)
    told = parser.parse_args()

    def opened(name: str, minutes: float | None) -> Task:
        return open_task(name, out=told.out, data=told.data, models=told.models, minutes=minutes)

    if told.what == "table":
        names = [name for name in ORDER if (told.out / f"{name}.jsonl").exists()]
        made = table([opened(name, -1) for name in names])
        write_table("lengths", made)
        return 0
    try:
        run(opened(told.task, told.minutes))
    except OutOfTimeError:
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
