"""One self-contained HTML page about one run, or several methods over several seeds."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from tutelage.errors import DataError
from tutelage.files import write_atomically, writing_to
from tutelage.report import charts, facts
from tutelage.report.exports import exported_files, stale_exports
from tutelage.report.learning import learning_curve
from tutelage.report.search import view_of
from tutelage.report.speed import size_columns, speed_columns, speed_notes
from tutelage.report.style import PLACEHOLDERS, strokes
from tutelage.report.templates import fill_page
from tutelage.report.units import gap, metric_capital, score
from tutelage.report.verdict import SPLITS, reasons, verdict
from tutelage.report.work import work_of
from tutelage.results.comparison import Comparison, Row
from tutelage.results.folders import read_comparison
from tutelage.results.latency import read_latency
from tutelage.results.shell import command_line
from tutelage.results.statistics import SampleMean

__all__ = ["page_path", "write_page", "write_report"]

FILE_NAME = "report.html"


@dataclass(frozen=True)
class Number:
    """A headline number: its label, value and unit."""

    label: str
    value: str
    unit: str
    accent: bool = False


@dataclass(frozen=True)
class Key:
    """An entry of the legend."""

    label: str
    color: str
    dashed: bool


@dataclass(frozen=True)
class Speed:
    """Measured size and speed: tables, and sentences on how they came about."""

    sizes: facts.Table
    times: facts.Table
    notes: tuple[str, ...]


def write_report(
    folders: Sequence[Path],
    *,
    path: Path | None = None,
    title: str | None = None,
    probes: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    picked: Path | None = None,
) -> Path:
    """Write the page about one run, or runs of several methods and seeds.

    Where no run of standard fine-tuning is among the folders, those next to them are added
    (``stl_beside``). The page needs no network and no script; the same runs give the same bytes.

    Args:
        folders: Folders of finished runs on the same data, or of a comparison.
        path: The page, or a folder for its ``report.html``; by default the folder of the only
            run, or the folder that holds them all.
        title: Title of the page; the run's name by default.
        probes: The metric of a linear probe on a teacher's features, by the teacher's name.
        notes: Paragraphs of plain text below the headline.
        picked: A run whose method the page is about, because it was chosen on other rows; by
            default the method with the highest score.

    Returns:
        The page's path.

    Raises:
        DataError: If a folder holds no result, or the runs cannot be compared.
        OutputError: If the page cannot be written.
    """
    folders = [Path(folder) for folder in folders]
    comparison = read_comparison(folders, picked=picked, probes=probes)
    return write_page(comparison, path=page_path(folders, path), title=title, notes=notes)


def page_path(folders: Sequence[Path], path: Path | None = None) -> Path:
    """Return where the page about some folders is written.

    Args:
        folders: Folders of finished runs.
        path: The page, or a folder for its ``report.html``; by default the folder of the only
            run, or the folder that holds them all.
    """
    if path is None:
        path = folders[0] if len(folders) == 1 else _common_parent(folders)
    return path / FILE_NAME if path.is_dir() else path


def write_page(
    comparison: Comparison, *, path: Path, title: str | None = None, notes: Sequence[str] = ()
) -> Path:
    """Write the page about a comparison, and return its path.

    Raises:
        DataError: If none of its runs could be read.
        OutputError: If the page cannot be written.
    """
    page = render(comparison, title=title, notes=notes)
    with writing_to(path, name="the page", advice="choose another path (--out)"):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, page)
    return path


def render(comparison: Comparison, *, title: str | None, notes: Sequence[str]) -> str:
    """Return the page as text."""
    if not comparison.runs:
        raise DataError(
            f"the comparison {comparison.name!r} has no finished run in its folder to make a page of; "
            "start 'tutelage compare' again"
        )
    one_cell = len(comparison.cells) == 1
    search = None if comparison.search is None else view_of(comparison.search)
    read = [row for row in comparison.rows if row.runs]
    commands = [run.result.command for run in comparison.runs]
    first_commands = list(dict.fromkeys(row.runs[0].result.command for row in read))
    return fill_page(
        "page",
        title=title or comparison.name,
        subtitle=_subtitle(comparison),
        started=min(run.result.started for run in comparison.runs),
        verdict=verdict(comparison),
        reasons=reasons(comparison),
        numbers=_numbers(comparison),
        notes=[*notes, *_doubts(comparison), *stale_exports(comparison)],
        split=SPLITS[comparison.evaluated],
        legend=_legend(comparison),
        scores=charts.score_chart(comparison),
        metric=metric_capital(comparison.metric),
        methods=facts.method_table(comparison),
        summary=facts.summary_table(comparison),
        work=work_of(comparison),
        search=search,
        searched=None if search is None else charts.search_chart(search),
        learning=learning_curve(comparison.search),
        runs=facts.run_table(comparison) if any(len(row.runs) > 1 for row in read) else None,
        curves=list(charts.curve_charts(comparison)) if one_cell else [],
        rho=list(charts.weight_charts(comparison)) if one_cell else [],
        teachers=facts.teacher_table(comparison) if one_cell else None,
        sizes=charts.size_chart(comparison) if one_cell else None,
        speed=_speed(comparison) if one_cell else None,
        exported=exported_files(comparison) if one_cell else None,
        setup=facts.setup(comparison),
        times=facts.time_table(comparison),
        use=_use(comparison),
        commands=first_commands,
        more_commands=[c for c in dict.fromkeys(commands) if c not in first_commands],
        configs=[(row.label, _config(row)) for row in read],
        as_table=facts.as_table,
    )


def _subtitle(comparison: Comparison) -> str:
    students = dict.fromkeys(run.result.student.source for run in comparison.runs)
    student = next(iter(students)) if len(students) == 1 else f"{len(students)} students"
    return " · ".join(part for part in (comparison.data, student) if part)


def _doubts(comparison: Comparison) -> list[str]:
    """What the runs doubt about their teachers' features and their students, each once."""
    teachers = [teacher for run in comparison.runs for teacher in run.result.teachers]
    of_teachers = [f"{one.name}: {doubt}." for one in teachers for doubt in one.doubts]
    of_students = [
        f"{row.label}, seed {run.result.seed}: {doubt}."
        for row in comparison.rows
        for run in row.runs
        for doubt in run.result.student.doubts
    ]
    return list(dict.fromkeys([*of_teachers, *of_students]))


def _numbers(comparison: Comparison) -> list[Number]:
    if len(comparison.cells) > 1 or not comparison.finished:
        return []
    metric = comparison.metric
    row = comparison.foremost or comparison.finished[0]
    assert row.score is not None
    numbers = [Number(row.label, *_split(score(row.score, metric)), accent=True)]
    baseline = comparison.baseline_of(row)
    if baseline is not None and baseline.score is not None and row.difference is not None:
        numbers.append(Number(baseline.label, *_split(score(baseline.score, metric))))
        unit = "points" if metric.percent else ""
        numbers.append(Number("Difference", gap(row.difference, metric), unit))
    for name, value in comparison.probes.items():
        text = score(SampleMean(mean=value, error=None, count=1), metric)
        numbers.append(Number(f"Linear probe, {name}", *_split(text)))
    return numbers


def _split(text: str) -> tuple[str, str]:
    """The number, and its unit if it has one."""
    if not text.endswith("%"):
        return text, ""
    value, _, unit = text.rpartition("\N{NO-BREAK SPACE}")
    return value, unit


def _legend(comparison: Comparison) -> list[Key]:
    return [
        Key(label, PLACEHOLDERS[stroke.color], bool(stroke.dashes))
        for label, stroke in strokes(comparison.rows).items()
    ]


def _speed(comparison: Comparison) -> Speed | None:
    """What ``tutelage latency`` measured of the run that the page is about, else of another."""
    foremost = comparison.foremost
    runs = [*(foremost.runs if foremost else ()), *comparison.runs]
    read = (read_latency(run.folder) for run in runs if run.folder is not None)
    measured = next(filter(None, read), None)
    if measured is None:
        return None
    return Speed(
        facts.as_table(size_columns(measured)),
        facts.as_table(speed_columns(measured)),
        tuple(speed_notes(measured)),
    )


def _use(comparison: Comparison) -> str:
    """How the student of the run that the page is about is used: from a shell, and in Python."""
    row = comparison.foremost or next(iter(comparison.finished), None)
    if row is None or not row.runs or len(comparison.cells) > 1:
        return ""
    folder = row.runs[0].place
    return (
        f"{command_line('tutelage', 'predict', folder, 'DATA', '--out', 'predictions.csv')}\n\n"
        f"import tutelage\ntutelage.load({str(folder)!r}).predict([...])"
    )


def _config(row: Row) -> str:
    """The settings of the row's first run as TOML."""
    text: str = tomli_w.dumps(_without_none(row.runs[0].result.config))
    return text


def _without_none(value: Any) -> Any:
    """TOML has no null: what is not set is not there."""
    if isinstance(value, Mapping):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_without_none(part) for part in value if part is not None]
    return value


def _common_parent(folders: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([folder.resolve().parent for folder in folders]))
