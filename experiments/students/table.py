"""Write README's tables from ``results/``.

    python table.py [OUT]

With OUT, the runs there (``OUT/TASK.jsonl``) are copied to ``results/`` first. A table has what the
runs at hand decide: ways whose settings are not chosen yet, or without a run on the test rows, are
left out.
"""

import contextlib
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from task import BUDGETS, HERE, STAGES, OutOfTimeError, Task, open_task
from ways import Cell, Found

from tutelage.results.statistics import difference_of_means, sample_mean

RESULTS = HERE / "results"
README = HERE / "README.md"
ORDER = (
    "clothing-300",
    "newsgroups",
    "fashion-mnist",
    "fashion",
    "mrpc",
    "clothing-all",
)
LABELS = {
    "today": "random head, rate and steps of before",
    "today, lr 1e-4": "random head, default rate of before, 1e-4",
    "baseline": "**strongest fine-tuning**",
    "probe": "soft labels",
    "probe + unlabelled": "soft labels, with unlabelled rows",
    "aft": "AFT",
    "aft + unlabelled": "AFT, with unlabelled rows",
    "kd": "KD",
    "rkd": "RKD",
    "ft": "FT",
    "btuning": "B-Tuning",
    "auto": "**`--auto`**, labelled rows",
    "auto + unlabelled": "**`--auto`**, with unlabelled rows",
}


@dataclass(frozen=True)
class Way:
    """A row of a table.

    Attributes:
        name: As in ``LABELS``.
        cell: Its settings.
        scores: On the test rows, by seed, in per cent.
    """

    name: str
    cell: Cell | Found
    scores: Mapping[int, float]


def ways(task: Task) -> Iterator[Way]:
    """All ways whose settings the runs at hand decide, with what the test rows say."""
    for stage in STAGES:
        try:
            for name, cell in task.chosen(stage):
                yield Way(name, cell, test_scores(task, cell))
        except OutOfTimeError:
            continue


def test_scores(task: Task, cell: Cell | Found) -> dict[int, float]:
    """A cell's scores on the test rows by seed, in per cent."""
    return {
        seed: 100 * score
        for (name, rows, seed), score in sorted(task.done.items())
        if name == cell.name and rows == "test" and score is not None
    }


def table(task: Task) -> str:
    """The table of a task."""
    found = [way for way in ways(task) if way.scores and way.name in LABELS]
    by_name = {way.name: way for way in found}
    today, base = (by_name[name].scores for name in ("today", "baseline"))
    teachers = 100 * (task.done.get(("teachers", "test", 0)) or 0.0)
    lines = [
        f"| way | settings | seeds | {task.config.data.lead.label} % | over the strongest fine-tuning | "
        "gap closed | of the rest |",
        "| :-- | :-- | --: | --: | --: | --: | --: |",
    ]
    for way in sorted(found, key=lambda way: list(LABELS).index(way.name)):
        mean = sample_mean(way.scores.values())
        over = difference_of_means(way.scores, base)
        over_today = difference_of_means(way.scores, today)
        gaps = [
            share(difference.mean, teachers - sample_mean(below.values()).mean)
            for difference, below in ((over_today, today), (over, base))
        ]
        lines.append(
            f"| {LABELS[way.name]} | {way.cell.words} | {mean.count} | "
            f"{with_error(mean.mean, mean.error)} | "
            + ("" if way.name == "baseline" else with_error(over.mean, over.error, signed=True))
            + f" | {'' if way.name == 'today' else gaps[0]} | "
            f"{gaps[1] if list(LABELS).index(way.name) > 2 else ''} |"
        )
    lines.append(f"| the teachers' linear probe |  |  | {teachers:.2f} |  |  |  |")
    return "\n".join(lines)


def budget_table(tasks: Sequence[Task]) -> str:
    """What a quarter, half and all of the budget of ``--auto`` bring, and take."""
    lines = [
        "| task | runs | minutes of training | chosen | on the test rows % | over the strongest "
        "fine-tuning |",
        "| :-- | --: | --: | :-- | --: | --: |",
    ]
    for task in tasks:
        by_name = {way.name: way for way in ways(task) if way.scores}
        name = "auto + unlabelled"
        names = [*(f"{name}, {budget} runs" for budget in BUDGETS), name]
        found = [by_name[one] for one in names if one in by_name]
        for way in found if len(found) > 1 else ():
            line, mean = task.searches[way.name], sample_mean(way.scores.values())
            over = difference_of_means(way.scores, by_name["baseline"].scores)
            lines.append(
                f"| {task.config.name} | {line['runs']} | {line['seconds'] / 60:.0f} | "
                f"{way.cell.words} | {with_error(mean.mean, mean.error)} | "
                f"{with_error(over.mean, over.error, signed=True)} |"
            )
    return "\n".join(lines)


def share(part: float, whole: float) -> str:
    """A part of a gap in per cent; of a gap below one point it says nothing."""
    return f"{part / whole:.0%}" if whole >= 1 else "no gap"


def with_error(mean: float, error: float | None, *, signed: bool = False) -> str:
    """A mean with its standard error."""
    text = f"{mean:+.2f}" if signed else f"{mean:.2f}"
    return (text if error is None else f"{text} ± {error:.2f}").replace("-", "−")


def main() -> None:
    """Copy the runs, and write the tables of all tasks that have some."""
    RESULTS.mkdir(exist_ok=True)
    for file in Path(sys.argv[1]).glob("*.jsonl") if len(sys.argv) > 1 else ():
        shutil.copy(file, RESULTS / file.name)
    tasks = [
        open_task(name, out=RESULTS, data=Path("data"), models=Path("models"), minutes=-1)
        for name in ORDER
        if (RESULTS / f"{name}.jsonl").exists()
    ]
    for task in tasks:
        with contextlib.suppress(KeyError):  # too little was run
            write_table(task.config.name, table(task))
    write_table("budgets", budget_table(tasks))


def write_table(name: str, made: str) -> None:
    """Put a table between its marks in README."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(f"<!-- {name} -->\n", maxsplit=1)
    _, after = rest.split("<!-- end -->", maxsplit=1)
    README.write_text(f"{before}<!-- {name} -->\n\n{made}\n\n<!-- end -->{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
