"""A search for the best student in plain words: what was tried and gained, and what would help more.

Each piece of advice follows from figures by a rule that its function states. "Clearly" means by more than
two standard errors of a difference over three folds or more, paired where both were scored on the same
folds. Where figures say nothing, nothing is said.
"""

import math
from collections.abc import Sequence

from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.report.tables import point_title
from tutelage.report.units import amount, duration, score
from tutelage.results.choice import Choice, ProbeCurve, ProbePoint, Tried
from tutelage.results.statistics import Difference, SampleMean, sample_mean

__all__ = ["advice", "gained", "headline", "how_chosen", "title_of", "what_was_tried"]

CLEARLY = 2.0
"""Standard errors of a difference from which on it counts."""
USUAL = {"patience": 1.0, "augment": "none", "views": 0}
LITTLE = 0.01
"""A difference of a metric below which it is little: a point of those in percent."""


def headline(choice: Choice) -> str:
    """Return one sentence: what was gained over standard fine-tuning, on held-out rows."""
    if choice.gain is None and all(one.reason for one in choice.tried if one.method != BASELINE):
        return "Standard fine-tuning was chosen: no method with teachers was tried to an end."
    if choice.gain is None:
        return "Standard fine-tuning was chosen: nothing with teachers was better beyond one error."
    method, over = label_of(choice.named(choice.chosen).method), _over(choice.gain, choice)
    if choice.gain.mean <= 0:
        return f"{method} and the best standard fine-tuning are level {over}."
    size = amount(choice.gain, choice.metric, signed=False)
    text = f"{method} is above the best standard fine-tuning by {size} {over}"
    return f"{text}." if _clearly_positive(choice.gain) else f"{text}, which is not sure."


def what_was_tried(choice: Choice) -> list[str]:
    """Say how many settings and methods were tried, at what cost, and what ended the search."""
    methods = dict.fromkeys(one.method for one in choice.tried)
    failed = sum(bool(one.reason) for one in choice.tried)
    were = "was" if len(choice.tried) == 1 else "were"
    text = (
        f"{_count(len(choice.tried), 'setting')} of {_count(len(methods), 'method')} {were} tried in "
        f"{_count(choice.spent.runs, 'run')} and {duration(choice.spent.seconds)}"
    )
    if failed:
        text += f"; {failed} of them failed"
    if choice.spent.used_up:
        text += (
            f". The budget of {choice.spent.budget} was used up before all was tried that the search "
            "would have tried"
        )
    return [f"{text}."]


def gained(choice: Choice) -> list[str]:
    """Say how good the chosen settings are, what they gain over the baseline, and how sure that is."""
    chosen, base, metric = choice.named(choice.chosen), choice.named(choice.baseline), choice.metric
    reached = score(chosen.score, metric, decimals=1)
    if choice.gain is None:
        return [f"{title_of(chosen)} reaches {reached} on held-out rows."]
    least = score(base.score, metric, decimals=1)
    return [
        f"{title_of(chosen)} reaches {reached} on held-out rows, the best "
        f"{_lower(title_of(base))} {least}. The gain, {amount(choice.gain, metric)}, is "
        f"{_sureness(choice.gain, choice)}."
    ]


def how_chosen(choice: Choice) -> list[str]:
    """Say why this was chosen rather than the highest, and that a choice flatters."""
    chosen, best = choice.named(choice.chosen), choice.named(choice.best)
    sentences = []
    if best.name != chosen.name:
        more = amount(best.above(chosen), choice.metric)
        sentences.append(
            f"{title_of(best)} was the highest, by {more}: within one standard error, so the simpler "
            "was chosen."
        )
    if len(choice.tried) > 1:
        sentences.append(
            "Scores that chose among several settings are slightly too high; the test rows chose nothing."
        )
    return sentences


def advice(choice: Choice) -> tuple[str, ...]:
    """Return what would help more, where figures say so."""
    return (*_labels(choice), *_unlabelled(choice), *_teachers(choice), *_student(choice))


def title_of(one: Tried) -> str:
    """Return what was tried in words: ``AFT (β 3, lr 0.001)``, without what is as usual."""
    told = {name: value for name, value in one.settings.items() if USUAL.get(name) != value}
    return point_title(one.method, told)


def _labels(choice: Choice) -> list[str]:
    """More labels: what the last doubling of the rows did to a probe.

    On the student's own features, or else on the teachers'. They would help where the last doubling
    clearly did, and would bring little where it was, by two standard errors, less than ``LITTLE``.
    """
    curve = _curve(choice, "student") or _curve(choice, "teachers")
    if curve is None or len(curve.points) < 2:
        return []
    half, whole = curve.points[-2:]
    rise = sample_mean(b - a for a, b in zip(half.scores, whole.scores, strict=True))
    whose = "the student's own" if curve.of == "student" else "the teachers'"
    figures = (
        f"from {half.rows:,.0f} to {whole.rows:,.0f} labelled rows, a linear probe on {whose} features "
        f"changes by {amount(rise, choice.metric)}, to {score(whole.score, choice.metric, decimals=1)}"
    )
    if _clearly_positive(rise):
        return [
            f"More labels would help: {figures}. Expect about as much, or somewhat less, from as many "
            "labels again."
        ]
    if _clearly_little(rise):
        return [f"More labels of the same kind would bring little: {figures}."]
    return []


def _unlabelled(choice: Choice) -> list[str]:
    """Unlabelled rows: what they brought, or, where none were used, whether teachers have more to give.

    They brought something where the best setting with them is clearly above the best of the same
    folds with teachers and without them. Where none were used they are worth adding if the teachers'
    probe is clearly above the chosen student.
    """
    finished = [one for one in choice.tried if one.finished and one.method != BASELINE]
    using = [one for one in finished if _share(one) > 0]
    others = [one for one in finished if _share(one) == 0]
    room = _room(choice)
    if not using:
        if room is None or not _clearly_positive(room):
            return []
        return [
            "Unlabelled rows are worth adding (data.unlabelled): the teachers' probe is "
            f"{amount(room, choice.metric, signed=False)} above the student, and on such rows the "
            "student can learn from the teachers without a label."
        ]
    if not others:
        return []
    best, without = _deepest(using), _deepest(others)
    brought = best.above(without)
    figures = f"{amount(brought, choice.metric)} against the best without them"
    if _clearly_positive(brought):
        more = room is not None and _clearly_positive(room)
        further = (
            " More of them may bring more, as the teachers' probe is still above." if more else ""
        )
        return [f"Unlabelled rows helped: {figures}.{further}"]
    if _clearly_little(brought):
        return [f"Unlabelled rows brought little: {figures}."]
    return []


def _teachers(choice: Choice) -> list[str]:
    """A better teacher: where the chosen student has reached what the teachers' probe shows.

    That is so where the probe is, by two standard errors, less than ``LITTLE`` above the student.
    """
    room, curve = _room(choice), _curve(choice, "teachers")
    if room is None or curve is None or not _clearly_little(room):
        return []
    probe = score(curve.points[-1].score, choice.metric, decimals=1)
    student = score(choice.named(choice.chosen).score, choice.metric, decimals=1)
    return [
        f"A better teacher would help: the student, at {student}, has reached the linear probe on these "
        f"teachers, {probe}. 'tutelage rank' compares others."
    ]


def _student(choice: Choice) -> list[str]:
    """A larger student: where it cannot fit what the teachers' probe gets right on new rows.

    That is so where the chosen student's score on the very rows that it was trained on is clearly
    below the teachers' probe on held-out rows.
    """
    curve, result = _curve(choice, "teachers"), choice.result
    if curve is None or result is None:
        return []
    fitted = result.metrics.get("train", {}).get(choice.metric.name)
    probe = curve.points[-1].score
    if fitted is None or not _clearly_positive(_minus(probe, fitted)):
        return []
    return [
        "A larger student, or more patience, would help: on the rows that it was trained on the student "
        f"reaches {score(SampleMean(fitted, None, 1), choice.metric, decimals=1)}, less than a linear "
        f"probe on the teachers reaches on rows that it never saw, "
        f"{score(probe, choice.metric, decimals=1)}."
    ]


def _room(choice: Choice) -> SampleMean | None:
    """How far the teachers' probe on all rows lies above the chosen student, on held-out rows."""
    curve = _curve(choice, "teachers")
    if curve is None:
        return None
    return _between(curve.points[-1], choice.named(choice.chosen), choice)


def _between(point: ProbePoint, one: Tried, choice: Choice) -> SampleMean:
    """A probe minus a student: paired where both were scored on the same folds."""
    if choice.folds == len(point.scores):
        pairs = zip(point.scores, one.scores, strict=False)
        return sample_mean(probe - student for probe, student in pairs)
    probe, student = point.score, one.score
    known = probe.error is not None and student.error is not None
    error = math.hypot(probe.error or 0.0, student.error or 0.0) if known else None
    return SampleMean(probe.mean - student.mean, error, min(probe.count, student.count))


def _minus(mean: SampleMean, number: float) -> SampleMean:
    return SampleMean(mean.mean - number, mean.error, mean.count)


def _curve(choice: Choice, of: str) -> ProbeCurve | None:
    return next((curve for curve in choice.curves if curve.of == of and curve.points), None)


def _share(one: Tried) -> float:
    share = one.settings.get("unlabelled_share", 0.0)
    return share if isinstance(share, float) else 0.0


def _deepest(tried: Sequence[Tried]) -> Tried:
    """The highest of those that were tried on most folds."""
    return max(tried, key=lambda one: (len(one.scores), one.score.mean))


def _sign(difference: SampleMean) -> str:
    return Difference(difference.mean, difference.error, difference.count, paired=True).sign


def _clearly_positive(difference: SampleMean) -> bool:
    return _sign(difference) == "above"


def _clearly_little(difference: SampleMean) -> bool:
    error = difference.error or 0.0
    return _sign(difference) != "unknown" and difference.mean + CLEARLY * error < LITTLE


def _sureness(gain: SampleMean, choice: Choice) -> str:
    over, sign = _over(gain, choice), _sign(gain)
    if sign == "unknown":
        return f"not sure: {_count(gain.count, choice.unit)} cannot tell a difference from noise"
    return f"within noise {over}" if sign == "none" else f"beyond noise {over}"


def _over(gain: SampleMean, choice: Choice) -> str:
    return f"over {_count(gain.count, choice.unit)}"


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
