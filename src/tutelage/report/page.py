"""One self-contained HTML page on a run, or on several methods over several seeds."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import tomli_w
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

import tutelage
from tutelage.errors import ConfigError
from tutelage.report import facts, plots
from tutelage.report.runs import compare_folders
from tutelage.report.svg import PLACEHOLDERS, inline_svg
from tutelage.report.units import gap, metric_axis, metric_capital, score
from tutelage.report.verdict import SPLITS, reasons, verdict
from tutelage.results.comparison import Comparison, Method
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.tasks import TASKS

__all__ = ["write_report"]

PAGE = "report.html"
CURVES = {
    "task": ("Task loss", "Task loss of the training batches, {unit}."),
    "transfer": (
        "Transfer distance",
        "Distance of the student’s kernel from the teachers’, before\N{NO-BREAK SPACE}β.",
    ),
    "accuracy": ("Training accuracy", "Accuracy on the training batches, %."),
}


@dataclass(frozen=True)
class Plot:
    """A drawing with its caption."""

    title: str
    caption: str
    svg: Markup


@dataclass(frozen=True)
class Number:
    """A headline number: what it is, the number, and what it counts."""

    label: str
    value: str
    unit: str
    accent: bool = False


def write_report(
    folders: Sequence[Path],
    *,
    path: Path | None = None,
    title: str | None = None,
    probes: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    picked: Path | None = None,
) -> Path:
    """Write the page on one run, or on runs of several methods and seeds.

    Where no run of standard fine-tuning is among the folders, those beside them are added
    (``stl_beside``). The page needs no network and no script; the same runs give the same bytes.

    Args:
        folders: Finished runs on the same data with the same student.
        path: The page, or a folder for its ``report.html``; by default the folder of the only
            run, or the folder that holds them all.
        title: By default the run's name.
        probes: The metric of a linear probe on a teacher's features, by the teacher's name.
        notes: Paragraphs of plain text below the headline.
        picked: A run whose method the page is about, because other rows picked it; by default the
            method with the highest score, which is flattered by that.

    Returns:
        Where the page is.

    Raises:
        DataError: If a folder holds no result, or the runs are not of one task.
        ConfigError: If the page cannot be written.
    """
    folders = [Path(folder) for folder in folders]
    comparison = compare_folders(folders, picked=picked)
    page = render(comparison, title=title, probes=probes or {}, notes=notes)
    if path is None:
        path = folders[0] if len(folders) == 1 else _common_parent(folders)
    if path.is_dir():
        path = path / PAGE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding="utf-8", newline="\n")
    except OSError as error:
        raise ConfigError(
            f"cannot write the page {path}: {error.strerror or error}; choose another place (--out)"
        ) from error
    return path


def render(
    comparison: Comparison, *, title: str | None, probes: Mapping[str, float], notes: Sequence[str]
) -> str:
    """Return the page as text."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    here = files("tutelage.report")
    template = environment.from_string((here / "page.html.jinja").read_text(encoding="utf-8"))
    first = (comparison.transfers or comparison.methods)[0].runs[0].result
    many = any(len(method.runs) > 1 for method in comparison.methods)
    page: str = template.render(
        style=Markup((here / "page.css").read_text(encoding="utf-8")),
        title=title or first.name,
        subtitle=_subtitle(comparison),
        started=min(run.result.started for run in comparison.runs),
        verdict=verdict(comparison),
        reasons=reasons(comparison, probes=probes),
        numbers=_numbers(comparison, probes),
        notes=notes,
        split=SPLITS[comparison.split],
        legend=_legend(comparison),
        scores=_scores(comparison, probes),
        metric=metric_capital(comparison.metric),
        methods=facts.method_table(comparison),
        runs=facts.run_table(comparison) if many else None,
        curves=list(_curves(comparison)),
        rho=list(_rho(comparison)),
        teachers=facts.teacher_table(comparison),
        sizes=_sizes(comparison),
        setup=facts.setup(comparison),
        times=facts.time_table(comparison),
        commands=list(dict.fromkeys(run.result.command for run in comparison.runs)),
        configs=[(method.label, _config(method)) for method in comparison.methods],
        version=tutelage.__version__,
    )
    return page


def _subtitle(comparison: Comparison) -> str:
    first = comparison.runs[0].result
    data = first.config.get("data", {}).get("source", "")
    return " · ".join(part for part in (data, first.student.source) if part)


def _numbers(comparison: Comparison, probes: Mapping[str, float]) -> list[Number]:
    foremost, metric = comparison.foremost, comparison.metric
    numbers = []
    if foremost is not None:
        numbers.append(Number(foremost.label, *_split(score(foremost.score, metric)), accent=True))
        if foremost.baseline is not None and foremost.above_baseline is not None:
            below = score(foremost.baseline.score, metric)
            numbers.append(Number(foremost.baseline.label, *_split(below)))
            unit = "points" if metric.percent else ""
            numbers.append(Number("Difference", gap(foremost.above_baseline, metric), unit))
    else:
        only = comparison.methods[0]
        numbers.append(Number(only.label, *_split(score(only.score, metric)), accent=True))
    for name, value in probes.items():
        text = score(SampleMean(mean=value, error=None, count=1), metric)
        numbers.append(Number(f"Linear probe, {name}", *_split(text)))
    return numbers


def _split(text: str) -> tuple[str, str]:
    """The number, and its unit if it has one."""
    if not text.endswith("%"):
        return text, ""
    value, _, unit = text.rpartition("\N{NO-BREAK SPACE}")
    return value, unit


def _legend(comparison: Comparison) -> list[tuple[str, str]]:
    colors = plots.method_colors(comparison)
    return [(label, PLACEHOLDERS[color]) for label, color in colors.items()]


def _scores(comparison: Comparison, probes: Mapping[str, float]) -> Plot | None:
    if len(comparison.runs) + len(probes) < 2:
        return None
    caption = "A point a run"
    if any(len(method.runs) > 1 for method in comparison.methods):
        caption = "Large points are means with one standard error, small ones single seeds"
    if any(m.baseline and m.above_baseline and m.above_baseline.paired for m in comparison.methods):
        caption += "; lines join the runs of one seed" if len(comparison.transfers) == 1 else ""
    title = f"{metric_capital(comparison.metric)} by method and seed"
    figure = plots.score_plot(comparison, probes=probes)
    return Plot(title, f"{caption}.", inline_svg(figure, name="scores", title=title))


def _curves(comparison: Comparison) -> Iterator[Plot]:
    for key, (title, caption) in CURVES.items():
        figure = plots.curve_plot(comparison, key, scale=100 if key == "accuracy" else 1)
        if figure is not None:
            unit = TASKS[comparison.runs[0].result.task].loss_unit
            yield _plot(figure, f"curve-{key}", title, caption.format(unit=unit))
    metric = comparison.metric
    if metric.name != "accuracy":
        figure = plots.curve_plot(comparison, f"holdout_{metric.name}", scale=metric.display_factor)
        if figure is not None:
            title = f"{metric_capital(metric)} on the hold-out"
            yield _plot(figure, "curve-holdout", title, f"During training; {metric_axis(metric)}.")


def _rho(comparison: Comparison) -> Iterator[Plot]:
    """A histogram for each method and teacher, over the columns of all seeds."""
    pooled: dict[tuple[str, str], list[float]] = {}
    for method in comparison.transfers:
        for run in method.runs:
            for teacher in run.result.teachers:
                weights = run.rho.get(teacher.name)
                if weights is not None and weights.ndim == 1 and len(weights):
                    pooled.setdefault((method.label, teacher.name), []).extend(weights.tolist())
    limits = plots.rho_limits(list(pooled.values()))
    several = len({label for label, _ in pooled}) > 1
    for index, ((label, teacher_name), values) in enumerate(pooled.items()):
        title = f"Weights of {teacher_name}" + (f", {label}" if several else "")
        mean = sample_mean(values).mean
        caption = (
            f"Share of its columns by weight; mean {mean:.3f}. Every weight starts at 0.5, dashed."
        )
        yield _plot(plots.rho_plot(values, limits=limits), f"rho-{index}", title, caption)


def _sizes(comparison: Comparison) -> Plot | None:
    teachers = {
        t.name: t.parameters for m in comparison.transfers for t in m.runs[0].result.teachers
    }
    known = {name: count for name, count in teachers.items() if count is not None}
    if not known:
        return None
    caption = "Only the student is deployed; teachers are needed for training alone."
    if missing := [name for name in teachers if name not in known]:
        caption += f" Not known: {', '.join(missing)}."
    student = comparison.runs[0].result.student
    figure = plots.size_plot(("student", student.parameters), known)
    return _plot(figure, "sizes", "Sizes", caption)


def _plot(figure: Figure, name: str, title: str, caption: str) -> Plot:
    return Plot(title, caption, inline_svg(figure, name=name, title=f"{title}. {caption}"))


def _config(method: Method) -> str:
    """What all runs of a method were set to, as the TOML of its first."""
    text: str = tomli_w.dumps(_without_none(method.runs[0].result.config))
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
