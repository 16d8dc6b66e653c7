"""Whether the transfer helped, in plain words."""

from collections.abc import Mapping

from tutelage.report.units import SPACE, gap, score, short
from tutelage.results.comparison import Comparison, Method
from tutelage.results.statistics import Difference, SampleMean, row_sampling_error
from tutelage.tasks import Metric

__all__ = ["reasons", "verdict"]

FEW_SEEDS = 5
SPLITS = {"test": "test", "holdout": "hold-out"}


def verdict(comparison: Comparison) -> str:
    """Return one sentence: above, below, no difference, or not to be told."""
    method, metric = comparison.foremost, comparison.metric
    if method is None:
        only = comparison.methods[0]
        return f"{only.label} reaches {_reached(only, comparison.metric)}{_over(only)}."
    difference = method.above_baseline
    if difference is None:
        return f"{method.label} reaches {_reached(method, comparison.metric)}{_over(method)}."
    amount = _amount(difference, metric)
    if difference.sign in ("above", "below"):
        return (
            f"{method.label} is {difference.sign} standard fine-tuning by {amount} "
            f"over {_seeds(difference.count)}."
        )
    if difference.sign == "none":
        return (
            f"{method.label} makes no difference beyond noise: {_amount(difference, metric, signed=True)} "
            f"against standard fine-tuning over {_seeds(difference.count)}."
        )
    if round(100 * difference.mean, 2 if metric.percent else 1) == 0:
        return (
            f"{method.label} and standard fine-tuning are level, over {_seeds(difference.count)}."
        )
    side = "above" if difference.mean > 0 else "below"
    return (
        f"{method.label} came out {amount} {side} standard fine-tuning, "
        f"but {_seeds(difference.count)} cannot tell."
    )


def reasons(comparison: Comparison, *, probes: Mapping[str, float]) -> list[str]:
    """Return the sentences below the verdict: how sure it is, and what to make of it."""
    method = comparison.foremost
    sentences = []
    if method is not None and method.above_baseline is not None:
        sentences += _how_sure(comparison, method, method.above_baseline)
        sentences += _how_fair(comparison, method)
    elif method is not None:
        folder = method.runs[0].result.config.get("output", {}).get("dir", "runs/run")
        sentences.append(
            "No run of standard fine-tuning lies beside it, so nothing here says whether the "
            f"transfer helped. This makes one: tutelage train {folder}/config.toml --method stl "
            f"--out {folder}-stl"
        )
    several = len(comparison.transfers) > 1 and comparison.picked is None
    if several and method is not None and method.above_baseline is not None:
        sentences.append(
            f"{method.label} is the highest of {len(comparison.transfers)} methods, and the "
            "highest of several is flattered by being picked; the table has them all."
        )
    return sentences + _room(comparison, probes)


def _how_sure(comparison: Comparison, method: Method, difference: Difference) -> list[str]:
    result = method.runs[0].result
    rows = result.rows.get(comparison.split)
    if difference.sign != "unknown":
        kind = "difference seed by seed" if difference.paired else "difference of the two means"
        text = (
            f"± is one standard error, here of the {kind}; "
            "a difference counts as more than noise from two standard errors on."
        )
        if difference.count < FEW_SEEDS:
            text += f" {difference.count} seeds are few: take it as a lead, not as a fact."
        return [text]
    text = "Three seeds or more are needed to tell a difference from noise."
    if rows and comparison.metric.name == "accuracy":
        error = 100 * row_sampling_error(method.score.mean, rows)
        text += (
            f" Being measured on {rows:,} {SPLITS[comparison.split]} rows alone leaves each "
            f"accuracy uncertain by ±{SPACE}{error:.1f}{SPACE}points (one standard error)."
        )
    return [text]


def _how_fair(comparison: Comparison, method: Method) -> list[str]:
    baseline, difference = method.baseline, method.above_baseline
    sentences = []
    if baseline is not None and difference is not None and not difference.paired:
        sentences.append(
            f"The two share no seed ({_list(method)} against {_list(baseline)}), "
            "so the difference cannot be taken seed by seed."
        )
    if not method.fair:
        sentences.append(
            "Standard fine-tuning was trained with other settings (steps, batch size, learning "
            "rate or the like), so the difference is not due to the transfer alone."
        )
    return sentences


def _room(comparison: Comparison, probes: Mapping[str, float]) -> list[str]:
    """What the teachers' own probes say about how much there is to learn from them."""
    baseline = next((m for m in comparison.methods if m.is_baseline), None)
    if not probes or baseline is None:
        return []
    metric = comparison.metric
    name, best = max(probes.items(), key=lambda probe: probe[1])
    room = best - baseline.score.mean
    lead = (
        f"A linear probe on {name} reaches {score(SampleMean(best, None, 1), metric, decimals=1)}, "
    )
    if room > 0:
        above = f"{100 * room:.1f}{SPACE}points" if metric.percent else f"{room:.3f}"
        return [
            f"{lead}{above} above standard fine-tuning of the student: that is "
            "what there is to learn from the teacher."
        ]
    return [
        f"{lead}no more than standard fine-tuning of the student: little is to be learned from "
        "this teacher on this task."
    ]


def _amount(difference: Difference, metric: Metric, *, signed: bool = False) -> str:
    text = gap(difference, metric, decimals=short(difference))
    unit = f"{SPACE}points" if metric.percent else f" in {metric.label}"
    return f"{text if signed else text[1:]}{unit}"


def _reached(method: Method, metric: Metric) -> str:
    """The score, and what it is where that is not the accuracy."""
    text = score(method.score, metric, decimals=1)
    return text if metric.name == "accuracy" else f"{text} {metric.label}"


def _seeds(count: int) -> str:
    return "a single seed" if count == 1 else f"{count} seeds"


def _over(method: Method) -> str:
    count = len(method.runs)
    return f" over {_seeds(count)}" if count > 1 else " with a single seed"


def _list(method: Method) -> str:
    return ", ".join(str(seed) for seed in method.seeds)
