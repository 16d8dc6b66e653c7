"""The tables of the page: scores, runs, teachers, setup, times."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.files import human_size
from tutelage.report.tables import Column, columns, settings_text, summary_columns
from tutelage.report.units import SPACE, duration, gap, metric_capital, parameters, percent, score
from tutelage.results.comparison import Comparison, Row
from tutelage.results.result import Result
from tutelage.results.sparsity import Sparsity, sparsity
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.tasks import TASKS

__all__ = [
    "Table",
    "as_table",
    "method_table",
    "metric_table",
    "run_table",
    "setup",
    "summary_table",
    "teacher_table",
    "time_table",
]

PHASES = ("extract", "prepare", "train", "evaluate")
MOST_CLASSES = 12
SPLIT_NAMES = {"train": "training", "holdout": "hold-out"}


@dataclass(frozen=True)
class Table:
    """Columns of text first, ``numbers`` columns of numbers last, as written."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: int


def as_table(content: Sequence[Column]) -> Table:
    """Columns as a table of the page; those of text come first."""
    content = sorted(content, key=lambda column: not column.text)
    return Table(
        head=tuple(_title(column.head) for column in content),
        rows=tuple(zip(*(column.cells for column in content), strict=True)),
        numbers=sum(not column.text for column in content),
    )


def method_table(comparison: Comparison) -> Table:
    """A row for each student, fraction, method and set of teachers."""
    names = ["student", "fraction", "method", "teachers", "seeds", "score", "difference", "failed"]
    if len(comparison.probes) != 1:
        names.insert(-1, "probe")
    if len(comparison.cells) > 1:
        names.insert(6, "relative error")
    return as_table(columns(comparison, names))


def summary_table(comparison: Comparison) -> Table | None:
    """A row a method, over all students, fractions and teachers; None where each has one row."""
    content = summary_columns(comparison)
    if content is None or len(comparison.cells) == 1:
        return None
    return Table(
        head=tuple(_title(column.head) for column in content),
        rows=tuple(zip(*(column.cells for column in content), strict=True)),
        numbers=len(content) - 1,
    )


def metric_table(result: Result) -> Table:
    """A row a metric of one run, with its value on each split; losses are in the task's unit."""
    known = TASKS[result.task].metrics
    names = list(dict.fromkeys(name for values in result.metrics.values() for name in values))
    rows = []
    for name in names:
        metric = known.get(name)
        label = f"loss, {TASKS[result.task].loss_unit}" if name == "loss" else name
        cells = [
            "" if value is None else score(_one(value), metric) if metric else f"{value:.4g}"
            for value in (values.get(name) for values in result.metrics.values())
        ]
        rows.append((metric_capital(metric) if metric else label.capitalize(), *cells))
    splits = (SPLIT_NAMES.get(split, split) for split in result.metrics)
    head = ("Metric", *(f"On {split} rows" for split in splits))
    return Table(head, tuple(rows), numbers=len(head) - 1)


def run_table(comparison: Comparison) -> Table:
    """A row a run."""
    metric, rows = comparison.metric, []
    samples: set[int] = set()
    for row in comparison.rows:
        baseline = comparison.baseline_of(row)
        below = baseline.values if baseline is not None else {}
        for run in row.runs:
            result = run.result
            reached = row.values[result.seed]
            train = result.metrics.get("train", {}).get(metric.name)
            most = result.config.get("train", {}).get("scored_rows", "all")
            samples |= {most} if most != "all" and most < result.rows.get("train", 0) else set()
            rows.append(
                (
                    row.label,
                    str(result.seed),
                    score(_one(reached), metric),
                    gap(_one(reached - below[result.seed]), metric) if result.seed in below else "",
                    score(_one(train), metric) if train is not None else "",
                    duration(sum(result.seconds.values())),
                )
            )
    some = f"{max(samples):,} " if samples else ""  # as a sample, see train.scored_rows
    trained = f"On {some}training rows"
    head = ("Method", "Seed", metric_capital(metric), "Difference", trained, "Time")
    return _without_empty_columns(Table(head, tuple(rows), numbers=5))


def teacher_table(comparison: Comparison) -> Table | None:
    """A row a teacher: its model, its size, and its weights.

    Where several methods have weights, a row for each teacher and method. None without teachers.
    """
    using = [row for row in comparison.transfers if row.runs and row.runs[0].result.teachers]
    weighing = [m for m in using if any(t.rho_mean is not None for t in m.runs[0].result.teachers)]
    rows = []
    for method in weighing or using[:1]:
        for teacher in method.runs[0].result.teachers:
            alike = [
                t for run in method.runs for t in run.result.teachers if t.name == teacher.name
            ]
            rhos = [t.rho_mean for t in alike if t.rho_mean is not None]
            shares = [t.share for t in alike if t.share is not None]
            alone = len(method.runs[0].result.teachers) == 1
            sparse = list(_sparsities(method, teacher.name))
            rows.append(
                (
                    teacher.name,
                    _short_path(teacher.source),
                    method.label if len(weighing) > 1 else "",
                    parameters(teacher.parameters)
                    if teacher.parameters is not None
                    else "not known",
                    f"{teacher.width:,}",
                    human_size(teacher.bytes).replace(" ", SPACE),
                    _spread(rhos),
                    percent(sample_mean(one.top for one in sparse), decimals=1) if sparse else "",
                    f"{sample_mean(one.effective for one in sparse).mean:,.0f}" if sparse else "",
                    percent(sample_mean(shares), decimals=1) if shares and not alone else "",
                )
            )
    if not rows:
        return None
    head = (
        "Teacher", "Source", "Method", "Parameters", "Width", "Cache", "Mean ρ", "ρ² in the top tenth",
        "Effective columns", "Share",
    )  # fmt: skip
    return _without_empty_columns(Table(head, tuple(rows), numbers=7))


def _sparsities(row: Row, teacher: str) -> Iterator[Sparsity]:
    """How sparse the weights of a teacher's columns are, in each run."""
    for run in row.runs:
        rho = run.rho.get(teacher)
        if rho is not None and rho.ndim == 1 and (found := sparsity(rho)) is not None:
            yield found


def time_table(comparison: Comparison) -> Table:
    """A row a method: seconds of a run by phase, the mean over its seeds."""
    named = {phase for run in comparison.runs for phase in run.result.seconds}
    phases = [p for p in PHASES if p in named] + sorted(named - set(PHASES))
    rows = []
    for row in comparison.rows:
        if not row.runs:
            continue
        seconds = [
            sample_mean(run.result.seconds.get(p, 0.0) for run in row.runs).mean for p in phases
        ]
        rows.append((row.label, *(duration(s) for s in seconds), duration(sum(seconds))))
    head = ("Method", *(phase.capitalize() for phase in phases), "In all")
    return Table(head, tuple(rows), numbers=len(phases) + 1)


def setup(comparison: Comparison) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return titled lists of name and value: data, student, transfer, training, machine.

    Where rows of the comparison differ in their training, all values are given.
    """
    results = [row.runs[0].result for row in (*comparison.transfers, *comparison.rows) if row.runs]
    result = results[0]
    sections = [
        ("Data", _data(results)),
        ("Student", _student(result) if len(comparison.cells) == 1 else []),
        ("Transfer", _transfer(comparison)),
        ("Training", _training(results, comparison)),
        ("Machine", _machine(result)),
    ]
    return [(title, [row for row in rows if row[1]]) for title, rows in sections if rows]


def _data(results: Sequence[Result]) -> list[tuple[str, str]]:
    result = results[0]
    data = result.config.get("data", {})
    rows = [("Source", str(data.get("source", "")))]
    for split in dict.fromkeys(split for one in results for split in one.rows):
        counts = (f"{one.rows[split]:,}" for one in results if split in one.rows)
        rows.append((f"Rows, {split}", _distinct(counts)))
    names = ", ".join(result.classes[:MOST_CLASSES])
    more = len(result.classes) - MOST_CLASSES
    what = TASKS[result.task].outputs_word.capitalize()
    rows.append(
        (f"{what}, {len(result.classes)}", names + (f" and {more} more" if more > 0 else ""))
    )
    return rows


def _student(result: Result) -> list[tuple[str, str]]:
    student = result.student
    return [
        ("Source", student.source),
        *_params(result.config.get("student", {})),
        ("Parameters", parameters(student.parameters)),
        ("Feature width", f"{student.width:,}"),
        ("Features read before", student.tap),
        ("Head at the start", "linear probe" if student.head == "probe" else student.head),
    ]


def _transfer(comparison: Comparison) -> list[tuple[str, str]]:
    rows = []
    for row in comparison.transfers:
        result = row.runs[0].result if row.runs else None
        transfer = result.config.get("transfer", {}) if result else {}
        parts = [settings_text(row.settings)] if row.settings else []
        if result and result.teachers_standardized:
            parts.append("teachers standardized")
        parts += [f"{name} {_plain(value)}" for name, value in transfer.get("params", {}).items()]
        rows.append((row.label, ", ".join(parts)))
    return rows


def _training(results: Sequence[Result], comparison: Comparison) -> list[tuple[str, str]]:
    trains = [result.config.get("train", {}) for result in results]

    def each(name: str) -> str:
        return _distinct(_plain(train.get(name, "")) for train in trains)

    seeds = sorted({run.result.seed for run in comparison.runs})
    return [
        ("Steps", _steps(results)),
        ("Batch size", _distinct(map(_batch, trains))),
        ("Optimizer", each("optimizer")),
        ("Learning rate", each("lr")),
        ("Schedule", each("schedule")),
        ("Augmentation", each("augment")),
        (
            "Views of each row",
            _distinct(str(result.config.get("data", {}).get("views", 0)) for result in results),
        ),
        ("Seed" if len(seeds) == 1 else "Seeds", ", ".join(map(str, seeds))),
    ]


def _steps(results: Sequence[Result]) -> str:
    numbers = _distinct(f"{steps:,}" for steps in sorted(result.steps for result in results))
    return numbers + " (automatic)" * all(result.automatic_steps for result in results)


def _batch(train: Mapping[str, Any]) -> str:
    batch = str(train.get("batch_size", ""))
    return batch + (f" × {train['accumulate']}" if train.get("accumulate", 1) > 1 else "")


def _distinct(values: Iterable[str]) -> str:
    """Each value once: ``140 or 497`` of students that differ."""
    return " or ".join(dict.fromkeys(filter(None, values)))


def _machine(result: Result) -> list[tuple[str, str]]:
    return [("Device", result.device), ("Started", result.started), *result.versions.items()]


def _params(section: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _plain(value)) for name, value in section.get("params", {}).items()]


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _title(name: str) -> str:
    return name[:1].upper() + name[1:]


def _short_path(source: str) -> str:
    """A source whose absolute path is cut to its last two parts."""
    scheme, colon, path = source.rpartition(":")
    if not path.startswith("/") or path.count("/") < 3:
        return source
    return f"{scheme}{colon}…/{'/'.join(path.rstrip('/').split('/')[-2:])}"


def _one(value: float) -> SampleMean:
    return SampleMean(mean=value, error=None, count=1)


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    mean = sample_mean(values)
    return f"{mean.mean:.3f}" + (
        f"\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{mean.error:.3f}" if mean.error is not None else ""
    )


def _without_empty_columns(table: Table) -> Table:
    filled = [i for i in range(len(table.head)) if any(row[i] for row in table.rows)]
    first_number = len(table.head) - table.numbers
    return Table(
        head=tuple(table.head[i] for i in filled),
        rows=tuple(tuple(row[i] for i in filled) for row in table.rows),
        numbers=sum(i >= first_number for i in filled),
    )
