"""The charts of the page: which a comparison has, with their titles and captions."""

from collections.abc import Iterator, Sequence

from tutelage.report import plots
from tutelage.report.figures import Plot, plot_of
from tutelage.report.search_view import SearchView, search_plot
from tutelage.report.style import PAGE
from tutelage.report.svg import inline_svg
from tutelage.report.units import metric_capital
from tutelage.results.comparison import Comparison
from tutelage.results.statistics import sample_mean
from tutelage.tasks import TASKS

__all__ = ["curve_charts", "score_chart", "search_chart", "size_chart", "weight_charts"]

CURVES = {
    "task": "Task loss",
    "transfer": "Transfer term, before\N{NO-BREAK SPACE}β",
    "accuracy": "Training accuracy, %",
}


def score_chart(comparison: Comparison) -> Plot | None:
    """Return the scores of all runs by method; None where there is one score alone."""
    if len(comparison.runs) + len(comparison.probes) < 2:
        return None
    caption = "A point a run"
    if any(len(row.values) > 1 for row in comparison.rows):
        caption = "Large points are means with one standard error, small ones single seeds"
    paired = any(row.difference and row.difference.paired for row in comparison.rows)
    if paired and len(comparison.transfers) == 1:
        caption += "; lines join the runs of one seed"
    title = f"{metric_capital(comparison.metric)} by method and seed"
    figure = plots.score_plot(comparison)
    return Plot(title, f"{caption}.", inline_svg(figure, name="scores", title=title))


def search_chart(view: SearchView) -> Plot:
    """Return the scores of what a search tried."""
    svg = inline_svg(search_plot(view), name="search", title=view.description)
    return Plot(view.title, view.caption, svg)


def curve_charts(comparison: Comparison) -> Iterator[Plot]:
    """Yield the losses and scores during training, of what the runs logged."""
    for key, title in CURVES.items():
        figure = plots.curve_plot(comparison, key, scale=100 if key == "accuracy" else 1)
        if figure is not None:
            if key == "task":
                title += f", {TASKS[comparison.runs[0].result.task].loss_unit}"
            yield plot_of(figure, f"curve-{key}", title, "")
    metric = comparison.metric
    if metric.name != "accuracy":
        key = f"holdout_{metric.name}"
        figure = plots.curve_plot(comparison, key, scale=metric.display_factor)
        if figure is not None:
            unit = ", %" if metric.percent else ""
            yield plot_of(
                figure,
                "curve-holdout",
                f"{metric_capital(comparison.metric)} on the hold-out{unit}",
                "",
            )


def weight_charts(comparison: Comparison) -> Iterator[Plot]:
    """Yield a histogram of weights for each row and teacher, over the columns of all seeds."""
    pooled: dict[tuple[str, str], list[float]] = {}
    colors = {row.label: PAGE.method(row.method) for row in comparison.transfers}
    for row in comparison.transfers:
        for run in row.runs:
            for teacher in run.result.teachers:
                weights = run.rho.get(teacher.name)
                if weights is not None and weights.ndim == 1 and len(weights):
                    pooled.setdefault((row.label, teacher.name), []).extend(weights.tolist())
    limits = plots.rho_limits(list(pooled.values()))
    several = len({label for label, _ in pooled}) > 1
    for index, ((label, teacher_name), values) in enumerate(pooled.items()):
        title = f"Weights of {teacher_name}" + (f", {label}" if several else "")
        mean, moved = (sample_mean(numbers).mean for numbers in (values, _moves(values)))
        caption = (
            f"Share of its columns by weight. The mean is {mean:.3f}; weights moved by {moved:.3f} "
            "on average from their start at 0.5."
        )
        figure = plots.rho_plot(values, limits=limits, color=colors[label])
        yield plot_of(figure, f"rho-{index}", title, caption)


def _moves(weights: Sequence[float]) -> list[float]:
    return [abs(weight - 0.5) for weight in weights]


def size_chart(comparison: Comparison) -> Plot | None:
    """Return the parameters of the student and its teachers; None where no teacher's are known."""
    teachers = {
        teacher.name: teacher.parameters
        for row in comparison.transfers
        for run in row.runs[:1]
        for teacher in run.result.teachers
    }
    known = {name: count for name, count in teachers.items() if count is not None}
    if not known:
        return None
    caption = "Only the student is deployed; teachers are needed for training alone."
    if missing := [name for name in teachers if name not in known]:
        caption += f" Not known: {', '.join(missing)}."
    student = comparison.runs[0].result.student
    figure = plots.size_plot(("student", student.parameters), known)
    return plot_of(figure, "sizes", "Sizes", caption)
