"""The verdict of a comparison in plain words: whether the transfer helped, and how sure that is."""

from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.report.fairness import fine_tuning_of, how_fair, unlike_training
from tutelage.report.search import view_of
from tutelage.report.tables import probe_correlation
from tutelage.report.units import SPACE, amount, score
from tutelage.report.unlabelled import unlabelled_sentences
from tutelage.results.choice import Choice
from tutelage.results.comparison import Comparison, Row
from tutelage.results.runs import Run
from tutelage.results.statistics import Difference, SampleMean
from tutelage.results.tuning import Tuning
from tutelage.tasks import TASKS, Metric, share_error

__all__ = ["cautions", "reasons", "verdict"]

FEW_SEEDS = 5
SPLITS = {"test": "test", "holdout": "hold-out"}


def verdict(comparison: Comparison) -> str:
    """Return one sentence: above, below, no difference, or not to be told."""
    if not comparison.finished:
        return "No run was finished."
    if comparison.search is not None and (headline := view_of(comparison.search).verdict):
        return headline
    if len(comparison.cells) > 1:
        return _over_cells(comparison)
    row, metric = comparison.foremost, comparison.metric
    if row is None or row.difference is None:
        row = row or comparison.finished[0]
        return f"{row.label} reaches {_reached(row, metric)}{_over(row)}."
    unlike = unlike_training(row, comparison.baseline_of(row))
    first = f"With unlike training ({unlike}), " if unlike else ""
    return first + _verdict_on(row, row.difference, metric)


def _verdict_on(row: Row, difference: Difference, metric: Metric) -> str:
    size = amount(difference, metric, signed=False)
    if difference.sign in ("above", "below"):
        return (
            f"{row.label} is {difference.sign} standard fine-tuning by {size} "
            f"over {_seeds(difference.count)}."
        )
    if difference.sign == "none":
        return (
            f"{row.label} makes no difference beyond noise: {amount(difference, metric)} "
            f"against standard fine-tuning over {_seeds(difference.count)}."
        )
    if round(100 * difference.mean, 2 if metric.percent else 1) == 0:
        return f"{row.label} and standard fine-tuning are level over {_seeds(difference.count)}."
    side = "above" if difference.mean > 0 else "below"
    enough = "one seed is" if difference.count == 1 else f"{difference.count} seeds are"
    return (
        f"{row.label} came out {size} {side} standard fine-tuning, but {enough} not enough to tell."
    )


def reasons(comparison: Comparison) -> list[str]:
    """Return the sentences below the verdict: how sure it is, and what to make of it."""
    row = comparison.foremost
    sentences = [f"Left out: {reason}." for reason in comparison.left_out]
    sentences += cautions(comparison)
    if comparison.search is not None:
        sentences += view_of(comparison.search).reasons
    if len(comparison.cells) > 1:
        sentences.append(
            "Several students or shares of the training rows are compared. A verdict on one of "
            "them, its curves, weights and sizes are on a page of its runs alone."
        )
    found = isinstance(comparison.search, Choice)
    if row is not None and row.difference is not None:
        if found:
            sentences.append(_on_other_rows(comparison, row.difference))
        sentences += how_fair(comparison, row)
        sentences += _how_sure(comparison, row, row.difference)
        sentences += _at_the_edge(comparison, row)
    elif row is not None and row.runs:
        sentences.append(_without_baseline(comparison, row))
    several = len(comparison.transfers) > 1 and comparison.picked is None
    if several and row is not None and row.difference is not None and row.difference.mean > 0:
        sentences.append(
            f"{row.label} is the highest of {len(comparison.transfers)} methods; picking the best "
            "of several inflates its score. The table has them all."
        )
    if comparison.tuned:
        sentences.append("Settings were chosen for each row on a hold-out of its training rows.")
    sentences += unlabelled_sentences(comparison)
    sentences.append(probe_correlation(comparison))
    return [*filter(None, sentences), *([] if found else _room(comparison))]


def _on_other_rows(comparison: Comparison, difference: Difference) -> str:
    """The difference on rows that chose nothing, of a search whose headline is about those that did."""
    return (
        f"On the {SPLITS[comparison.evaluated]} rows the difference of the two students that were "
        f"trained on all training rows is {amount(difference, comparison.metric)}."
    )


def _without_baseline(comparison: Comparison, row: Row) -> str:
    """What is not known without a run of standard fine-tuning, and the command that makes one."""
    search = comparison.search
    if isinstance(search, Tuning) and search.baseline is not None:
        return (
            "The search trained standard fine-tuning without the hold-out. This trains it on all "
            "training rows, to compare the two on the test rows as well: "
            + fine_tuning_of(row, train=search.baseline.settings)
        )
    return (
        "There is no run of standard fine-tuning next to it, so nothing here says whether the "
        "transfer helped. This makes one: " + fine_tuning_of(row)
    )


def _over_cells(comparison: Comparison) -> str:
    """The method with the lowest mean relative error, of those with most students and shares of rows.

    Fewer may be the easier ones; a method with fewer is named, not compared.
    """
    counts = {
        one.method: sum(
            row.method == one.method and row.relative_error is not None for row in comparison.rows
        )
        for one in comparison.methods
    }
    known = [
        (one.normalized_error.mean, one)
        for one in comparison.methods
        if one.normalized_error is not None and counts[one.method] and one.method != BASELINE
    ]
    if not known:
        return f"{len(comparison.finished)} of {len(comparison.rows)} rows were finished."
    most = max(counts[one.method] for _, one in known)
    fewer = [one.method for _, one in known if counts[one.method] < most]
    mean, best = min(
        (pair for pair in known if counts[pair[1].method] == most), key=lambda pair: pair[0]
    )
    error = best.normalized_error and best.normalized_error.error
    spread = "" if error is None else f"{SPACE}±{SPACE}{error:.3f}"
    return (
        f"{label_of(best.method)} has the lowest mean relative error: {mean:.3f}{spread} over "
        f"{counts[best.method]} rows, where standard fine-tuning has 1."
        + (
            f" With fewer rows, and not compared: {', '.join(map(label_of, fewer))}."
            if fewer
            else ""
        )
    )


def cautions(comparison: Comparison) -> list[str]:
    """Return signs that scores say nothing: one class for every row, or equal scores everywhere."""
    rows = comparison.finished
    constant = [
        row.label
        for row in rows
        if row.runs and all(_predicts_one_class(run, comparison.evaluated) for run in row.runs)
    ]
    sentences = []
    if constant:
        names = (
            constant[0] if len(constant) == 1 else f"{', '.join(constant[:-1])} and {constant[-1]}"
        )
        verb, whose = ("predicts", "its") if len(constant) == 1 else ("predict", "their")
        sentences.append(
            f"Caution: {names} {verb} one class for every {SPLITS[comparison.evaluated]} row, so "
            f"{whose} score is the share of that class. Train longer, or with another learning rate."
        )
    values = {value for row in rows for value in row.values.values()}
    if len(rows) > 1 and len(values) == 1:
        sentences.append(
            "Caution: all runs of all methods have the same score, so nothing here tells the methods apart."
        )
    return sentences


def _predicts_one_class(run: Run, split: str) -> bool:
    """Whether a run's metrics are those of one class for every row.

    Matthews's correlation is then 0, and the mean F1 over C classes is 2p / (1 + p) / C, with p the
    accuracy.
    """
    metrics = run.result.metrics.get(split, {})
    if (
        not TASKS[run.result.task].labels_are_classes
        or metrics.get("mcc") != 0
        or "accuracy" not in metrics
    ):
        return False
    if "macro_f1" not in metrics:
        return True
    f1 = 2 * metrics["accuracy"] / (1 + metrics["accuracy"])
    classes = range(2, len(run.result.classes) + 1)
    return any(abs(f1 / count - metrics["macro_f1"]) < 1e-9 for count in classes)


def _how_sure(comparison: Comparison, row: Row, difference: Difference) -> list[str]:
    rows = row.runs[0].result.counted_rows(comparison.evaluated) if row.runs else None
    if difference.sign != "unknown":
        kind = "paired difference" if difference.paired else "difference of the two means"
        text = f"± is one standard error of the {kind}; above two of them we call it significant."
        if difference.count < FEW_SEEDS:
            text += f" {difference.count} seeds are few: take it as a hint."
        return [text]
    text = "Three seeds or more are needed to tell a difference from noise."
    if rows and row.score is not None and comparison.metric.counts_rows:
        error = 100 * share_error(row.score.mean, rows)
        text += (
            f" With {rows:,} {SPLITS[comparison.evaluated]} rows, each score has a standard error "
            f"of {error:.1f}{SPACE}points from the choice of rows alone."
        )
    return [text]


def _at_the_edge(comparison: Comparison, row: Row) -> list[str]:
    """What a share of all rows, or of none, leaves open: the rule of three."""
    share = row.score.mean if row.score is not None else None
    rows = row.runs[0].result.counted_rows(comparison.evaluated) if row.runs else None
    if share not in (0, 1) or not rows or not comparison.metric.counts_rows:
        return []
    farthest = min(1.0, 3 / rows)
    what, side = ("All", "low") if share == 1 else ("None of the", "high")
    bound = f"{100 * (1 - farthest if share == 1 else farthest):.1f}{SPACE}%"
    verb = "are" if share == 1 else "is"
    return [
        f"{what} {rows:,} {SPLITS[comparison.evaluated]} rows {verb} right: on other rows the share may "
        f"be as {side} as {bound} (95{SPACE}% confidence, by the rule of three)."
    ]


def _room(comparison: Comparison) -> list[str]:
    """How far the best linear probe on teachers is above standard fine-tuning."""
    baseline = next((row for row in comparison.finished if row.is_baseline), None)
    if not comparison.probes or baseline is None or len(comparison.cells) > 1:
        return []
    assert baseline.score is not None
    metric = comparison.metric
    name, best = max(comparison.probes.items(), key=lambda probe: probe[1])
    room = best - baseline.score.mean
    lead = (
        f"A linear probe on {name} reaches {score(SampleMean(best, None, 1), metric, decimals=1)}, "
    )
    if room > 0:
        above = f"{100 * room:.1f}{SPACE}points" if metric.percent else f"{room:.3f}"
        return [
            f"{lead}{above} above standard fine-tuning of the student: that is how much the "
            "student can learn from the teacher."
        ]
    return [
        f"{lead}no more than standard fine-tuning of the student: there is little to learn from "
        "this teacher on this task."
    ]


def _reached(row: Row, metric: Metric) -> str:
    """The score, with the metric's name unless it is the accuracy."""
    assert row.score is not None
    text = score(row.score, metric, decimals=1)
    return text if metric.name == "accuracy" else f"{text} {metric.label}"


def _seeds(count: int) -> str:
    return "one seed" if count == 1 else f"{count} seeds"


def _over(row: Row) -> str:
    count = len(row.values)
    return f" over {_seeds(count)}" if count > 1 else " with one seed"
