"""Scores on the hold-out, and the rule that says which teachers are worth keeping."""

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from tutelage.tasks import Metric, SingleLabel

__all__ = ["Candidate", "Score", "advise"]

CLEARLY = 2.0
"""Standard errors of the difference from which on one score counts as above another."""


class Score(BaseModel):
    """A metric on the hold-out, with its standard error.

    Attributes:
        value: At most 1.
        error: Of an accuracy ``share_error``; of others see ``Task.standard_error``. None for a
            fine-tuned student, whose outputs are not kept, where it is not an accuracy.
        metric: What it is.
    """

    model_config = ConfigDict(frozen=True)

    value: float
    error: float | None
    metric: Metric = SingleLabel.metric()

    def __str__(self) -> str:
        decimals = 1 if self.metric.percent else 3
        number = f"{self.metric.display_factor * self.value:.{decimals}f}"
        error = (
            ""
            if self.error is None
            else f" ± {self.metric.display_factor * self.error:.{decimals}f}"
        )
        return f"{number}{error} %" if self.metric.percent else f"{number}{error}"

    def clearly_above(self, other: "Score") -> bool:
        """Whether it lies above by more than two standard errors of the difference.

        Where the other's error is not known, on the same rows, it is taken to be as large.
        """
        own = 0.0 if self.error is None else self.error
        error = math.hypot(own, own if other.error is None else other.error)
        return self.value - other.value > CLEARLY * error


class Candidate(BaseModel):
    """A teacher, or several together.

    Attributes:
        teachers: Names of the teachers.
        columns: Columns of their features.
        bytes: Size of the cached features.
        parameters: Parameters of the teachers; None where unknown.
        logme: Evidence of a Bayesian linear model, nats a row; comparable on the same rows only.
        probe: Score of a linear probe on their features.
    """

    model_config = ConfigDict(frozen=True)

    teachers: tuple[str, ...]
    columns: int
    bytes: int
    parameters: int | None
    logme: float
    probe: Score


def advise(
    candidates: Sequence[Candidate], *, student: Score | None, fine_tuned: Score | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the teachers to keep, and plain advice.

    The rule. Keep the smallest set (fewest teachers, then fewest columns) whose probe is within one
    standard error of the highest. Transfer is likely to help if that set's probe is above the
    fine-tuned student by more than two standard errors of the difference; where no such run exists,
    above the student's own probe it may, and if not even that, it is unlikely to.

    Args:
        candidates: All that were scored, on the same hold-out.
        student: The student's own probe.
        fine_tuned: The student after standard fine-tuning.

    Source:
        The rule is ours: transfer was seen to help only where the teachers' probe is clearly above
        the fine-tuned student's.
    """
    best = max(candidates, key=lambda one: one.probe.value)
    enough = best.probe.value - (best.probe.error or 0.0)
    kept = min(
        (one for one in candidates if one.probe.value >= enough),
        key=lambda one: (len(one.teachers), one.columns),
    )
    names = " and ".join(kept.teachers)
    sentences = [f"Keep {names}: its probe reaches {kept.probe} on the hold-out."]
    if kept is not best:
        sentences[0] = (
            f"Keep {names}: its probe reaches {kept.probe} on the hold-out, within one standard "
            f"error of the highest ({' and '.join(best.teachers)}, {best.probe}), for less."
        )
    if fine_tuned is not None:
        if kept.probe.clearly_above(fine_tuned):
            sentences.append(
                f"Transfer is likely to help: that is clearly above the fine-tuned student, "
                f"{fine_tuned}."
            )
        else:
            sentences.append(
                f"Transfer is unlikely to help: that is not clearly above the fine-tuned student, "
                f"{fine_tuned}. Look for a teacher that knows more of this task."
            )
    elif student is not None and not kept.probe.clearly_above(student):
        sentences.append(
            f"Transfer is unlikely to help: that is not clearly above the student's own probe, "
            f"{student}, and fine-tuning will raise the student further."
        )
    else:
        above = "" if student is None else f" clearly above the student's own probe, {student}"
        sentences.append(
            f"Transfer may help{':' + ' that is' + above if above else ''}. What counts is the student "
            "after fine-tuning without teachers: train it with --method stl --set "
            "data.evaluate=holdout and rank again."
        )
    return kept.teachers, tuple(sentences)
