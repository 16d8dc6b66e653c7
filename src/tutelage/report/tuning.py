"""What is shown of a search by ``tutelage tune``: each point on the hold-out, and the choice."""

import math
from collections.abc import Sequence

from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.report.search_view import Lane, SearchView, scaled
from tutelage.report.tables import Column, point_title, settings_text
from tutelage.report.units import (
    SPACE,
    amount,
    gap,
    metric_axis,
    metric_capital,
    metric_title,
    score,
)
from tutelage.results.statistics import Difference, SampleMean, difference_of_means
from tutelage.results.tuning import Trial, Tuning
from tutelage.tasks import Metric, share_error

__all__ = ["tuning_view"]

STATES = {"pruned": "ended early", "failed": "failed"}


def tuning_view(search: Tuning) -> SearchView:
    """Return the tables, chart and sentences of a search on the hold-out."""
    baseline, metric = search.baseline, search.metric
    caption = "A point is one combination of settings; the ring is around the chosen one"
    if any(trial.error is not None for trial in search.trials):
        caption += ", lines are one standard error of each method's best"
    if baseline is not None:
        caption += "; the dashed line is at the best of standard fine-tuning"
    least = None if baseline is None else baseline.score
    return SearchView(
        heading="The search on the hold-out",
        reasons=_reasons(search),
        columns=_columns(search),
        short=_columns(search, folders=True),
        title=f"{metric_capital(metric)} on the hold-out by method",
        caption=f"{caption}.",
        axis=f"hold-out {metric_axis(metric)}",
        lanes=_lanes(search),
        mark=None if least is None else metric.display_factor * least,
    )


def _columns(search: Tuning, *, folders: bool = False) -> tuple[Column, ...]:
    """A row for each point, in their order; a terminal names it by its folder."""
    trials, metric = search.trials, search.metric
    names = tuple(trial.name if folders else _title(trial) for trial in trials)
    remarks = tuple(_remark(trial, search) for trial in trials)
    differences = tuple(
        "" if (gained := difference(search, trial)) is None else gap(gained, metric)
        for trial in trials
    )
    content = [
        Column("tried", names, text=True),
        Column(f"hold-out {metric_title(metric)}", tuple(_score(t, metric) for t in trials)),
        Column("difference", differences),
        Column("" if folders else "state", remarks, text=True),
    ]
    return tuple(column for column in content if any(column.cells))


def _reasons(search: Tuning) -> tuple[str, ...]:
    best, metric = search.best, search.metric
    finished = [trial for trial in search.trials if trial.score is not None]
    equal = sum(trial.score == best.score for trial in finished)
    first = f", the first of {equal} equal ones" if equal > 1 else ""
    sentences = [
        f"{_title(best)} was chosen: its {score(trial_score(best), metric, decimals=1)} on the "
        f"hold-out is the highest {metric.label} of {_points(search)}{first}."
    ]
    gained = difference(search, best)
    if best.method == BASELINE:
        sentences += _without_teachers(search)
    elif gained is not None and search.baseline is not None:
        reached = score(trial_score(search.baseline), metric, decimals=1)
        sentences.append(
            f"The best point of standard fine-tuning reaches {reached} there: a difference of "
            f"{amount(gained, metric)}.{_how_sure(search, gained)}"
        )
    if len(finished) > 1:
        sentences.append(
            "The best of several points has an inflated score on the hold-out; no test row took part "
            "in the choice."
        )
    return tuple(sentences)


def _lanes(search: Tuning) -> tuple[Lane, ...]:
    lanes, factor = [], search.metric.display_factor
    for method in dict.fromkeys(trial.method for trial in search.trials):
        tried = [trial for trial in search.trials if trial.method == method]
        finished = [trial for trial in tried if trial.score is not None]
        names = [trial.name for trial in finished]
        lanes.append(
            Lane(
                method=method,
                label=_lane_label(method, finished, search.metric),
                scores=tuple(scaled(trial_score(trial), factor) for trial in finished),
                chosen=names.index(search.chosen) if search.chosen in names else None,
            )
        )
    return tuple(lanes)


def difference(search: Tuning, trial: Trial) -> Difference | None:
    """Return how far a point lies above the best of standard fine-tuning, paired run by run.

    None where either has no score, and for standard fine-tuning itself.
    """
    base = search.baseline
    if base is None or base.score is None or trial.score is None or trial.method == BASELINE:
        return None
    if len(trial.values) == len(base.values) > 0:
        return difference_of_means(dict(enumerate(trial.values)), dict(enumerate(base.values)))
    error = None
    if trial.error is not None and base.error is not None:
        error = math.hypot(trial.error, base.error)
    return Difference(trial.score - base.score, error, 1, paired=False)


def _title(trial: Trial) -> str:
    return point_title(trial.method, trial.settings, trial.teachers)


def trial_score(trial: Trial) -> SampleMean:
    """Return the score of a finished point."""
    assert trial.score is not None
    return SampleMean(trial.score, trial.error, max(1, len(trial.values)))


def _lane_label(method: str, finished: Sequence[Trial], metric: Metric) -> str:
    if not finished:
        return f"{label_of(method)}: none finished"
    best = max(finished, key=lambda trial: trial.score or 0.0)
    reached = score(trial_score(best), metric, decimals=1)
    return f"{label_of(method)}: {reached}" + (
        f" at {settings_text(best.settings)}" if best.settings else ""
    )


def _points(search: Tuning) -> str:
    count = len(search.trials)
    text = "one point" if count == 1 else f"{count} points"
    others = [
        f"{number} {word}"
        for state, word in STATES.items()
        if (number := sum(trial.state == state for trial in search.trials))
    ]
    return f"{text} ({', '.join(others)})" if others else text


def _without_teachers(search: Tuning) -> list[str]:
    others = [t for t in search.trials if t.method != BASELINE and t.score is not None]
    if not others:
        return []
    second = max(others, key=lambda trial: trial.score or 0.0)
    reached = score(trial_score(second), search.metric, decimals=1)
    return [
        f"No point with teachers is above standard fine-tuning; the best of them is "
        f"{_title(second)}, with {reached}."
    ]


def _how_sure(search: Tuning, gained: Difference) -> str:
    if gained.sign in ("above", "below"):
        return f" That is beyond noise over {gained.count} runs of each."
    if gained.sign == "none":
        return f" That is within noise over {gained.count} runs of each."
    base = search.baseline
    if base is None or not search.rows or not search.metric.counts_rows:
        return ""
    errors = [share_error(t.score or 0.0, search.rows) for t in (search.best, base)]
    noise = 200 * math.hypot(*errors)
    return (
        f" With {search.rows:,} rows in the hold-out, differences below {noise:.1f}{SPACE}points "
        "may be chance."
    )


def _remark(trial: Trial, search: Tuning) -> str:
    base = search.baseline
    marks = [
        "chosen" if trial.name == search.chosen else "",
        "best of standard fine-tuning" if base is not None and trial.name == base.name else "",
        f"failed: {trial.reason}" if trial.reason else STATES.get(trial.state, ""),
    ]
    return ", ".join(filter(None, marks))


def _score(trial: Trial, metric: Metric) -> str:
    if trial.score is None:
        return ""
    return score(trial_score(trial), metric).removesuffix("%").rstrip()
