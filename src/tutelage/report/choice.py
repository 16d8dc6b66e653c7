"""What is shown of a search by ``train --auto``: all that was tried, fold by fold, and its cost."""

from collections.abc import Iterable

from tutelage.regularizers.catalogue import label_of
from tutelage.report.account import advice, gained, headline, how_chosen, title_of, what_was_tried
from tutelage.report.search_view import Lane, SearchView, scaled
from tutelage.report.tables import Column
from tutelage.report.units import amount, duration, gap, metric_capital, metric_title, score
from tutelage.results.choice import Choice, Tried
from tutelage.results.result import Result
from tutelage.results.statistics import SampleMean

__all__ = ["choice_view"]

FINAL = "Students on all training rows"


def choice_view(choice: Choice) -> SearchView:
    """Return the tables, chart and sentences of a search for the best student."""
    metric = choice.metric
    unit = "points" if metric.percent else metric.label
    return SearchView(
        heading=f"The search on {_held(choice)}",
        reasons=(*what_was_tried(choice), *gained(choice), *how_chosen(choice)),
        columns=tuple(_filled(_columns(choice))),
        short=tuple(_filled(_short(choice))),
        title=f"{metric_capital(metric)} above the best standard fine-tuning, by method",
        caption="A point is one combination of settings, compared with the best standard fine-tuning "
        f"on the {choice.unit}s that both were tried on; numbers are of the best of each method among "
        "those tried on most, the ring is around the chosen one, and lines are one standard error.",
        axis=f"above the best standard fine-tuning, {unit}",
        lanes=tuple(_lanes(choice)),
        mark=0.0,
        costs=tuple(_costs(choice)),
        verdict=headline(choice),
        advice=advice(choice),
    )


def _held(choice: Choice) -> str:
    return "held-out folds" if choice.folds else "the hold-out"


def _columns(choice: Choice) -> Iterable[Column]:
    """What each was and what became of it, its mean, its gain, the score on each fold, its time."""
    tried, metric = choice.tried, choice.metric
    yield Column("tried", tuple(map(title_of, tried)), text=True)
    yield Column("state", tuple(_state(one, choice) for one in tried), text=True)
    yield Column(f"mean {metric_title(metric)}", tuple(_mean(one, choice) for one in tried))
    yield Column("gain", tuple(_gain(one, choice) for one in tried))
    for number in range(choice.repeats):
        cells = tuple(_one_score(one, number, choice) for one in tried)
        yield Column(f"{choice.unit} {number}", cells)
    yield Column("time", tuple(duration(one.seconds) for one in tried))


def _short(choice: Choice) -> Iterable[Column]:
    tried = choice.tried
    yield Column("tried", tuple(one.name for one in tried), text=True)
    yield Column(f"{choice.unit}s", tuple(str(len(one.scores)) for one in tried))
    yield Column(metric_title(choice.metric), tuple(_mean(one, choice) for one in tried))
    yield Column("gain", tuple(_gain(one, choice) for one in tried))
    yield Column("", tuple(_state(one, choice) for one in tried), text=True)


def _filled(content: Iterable[Column]) -> Iterable[Column]:
    return (column for column in content if any(column.cells))


def _state(one: Tried, choice: Choice) -> str:
    marks = [
        "chosen" if one.name == choice.chosen else "",
        "best standard fine-tuning" if one.name == choice.baseline else "",
        "highest" if one.name == choice.best else "",
    ]
    if one.reason:
        marks.append(f"failed: {one.reason}")
    elif len(one.scores) < choice.repeats and not any(marks):
        marks.append("not pursued")
    return ", ".join(filter(None, marks))


def _mean(one: Tried, choice: Choice) -> str:
    if not one.scores:
        return ""
    return score(one.score, choice.metric).removesuffix("%").rstrip()


def _gain(one: Tried, choice: Choice) -> str:
    if not one.scores or one.name == choice.baseline:
        return ""
    return gap(one.above(choice.named(choice.baseline)), choice.metric)


def _one_score(one: Tried, number: int, choice: Choice) -> str:
    if number >= len(one.scores):
        return ""
    value = SampleMean(one.scores[number], None, 1)
    return score(value, choice.metric, decimals=1).removesuffix("%").rstrip()


def _lanes(choice: Choice) -> Iterable[Lane]:
    """The points of each method, by how far they lie above the best standard fine-tuning."""
    base, factor = choice.named(choice.baseline), choice.metric.display_factor
    for method in dict.fromkeys(one.method for one in choice.tried):
        finished = [one for one in choice.tried if one.method == method and one.finished]
        names = [one.name for one in finished]
        above = [one.above(base) for one in finished]
        label = f"{label_of(method)}: none finished"
        if finished:
            best = _best(finished)
            label = label_of(method)
            if best is not base:
                label += f": {amount(best.above(base), choice.metric)}"
        yield Lane(
            method=method,
            label=label,
            scores=tuple(scaled(one, factor) for one in above),
            chosen=names.index(choice.chosen) if choice.chosen in names else None,
        )


def _best(finished: list[Tried]) -> Tried:
    """The highest of those that were tried on most folds."""
    return max(finished, key=lambda one: (len(one.scores), one.score.mean))


def _costs(choice: Choice) -> Iterable[Column]:
    """Runs and seconds of each method, and of the last students."""
    methods = list(dict.fromkeys(one.method for one in choice.tried))
    spent = {
        label_of(method): [one for one in choice.tried if one.method == method]
        for method in methods
    }
    runs = [sum(len(one.scores) for one in group) for group in spent.values()]
    seconds = [sum(one.seconds for one in group) for group in spent.values()]
    names = list(spent)
    if last := _last(choice):
        names.append(FINAL)
        runs.append(len(last))
        seconds.append(sum(sum(result.seconds.values()) for result in last))
    whole = sum(seconds)
    yield Column("method", tuple(names), text=True)
    yield Column("runs", tuple(map(str, runs)))
    yield Column("time", tuple(map(duration, seconds)))
    if whole > 0:
        yield Column(
            "share", tuple(f"{100 * one / whole:.0f}\N{NO-BREAK SPACE}%" for one in seconds)
        )


def _last(choice: Choice) -> list[Result]:
    results = [choice.result]
    if choice.chosen != choice.baseline:
        results.append(choice.baseline_result)
    return [result for result in results if result is not None]
