"""The record of a search for the best student: what was tried, fold by fold, and what was chosen."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from tutelage.errors import DataError
from tutelage.files import without_digest
from tutelage.regularizers.catalogue import parse_method
from tutelage.results.result import Result
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.tasks import Metric

__all__ = ["CHOICE", "Choice", "ProbeCurve", "ProbePoint", "Spent", "Tried", "read_choice"]

CHOICE = "auto.json"


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Tried(_Part):
    """A setting, and how good students were that were trained so.

    Attributes:
        name: The folder of its runs.
        method: The method's name.
        settings: Values by name: ``lr``, ``patience``, ``beta``, ``mix``, ``unlabelled_share``,
            ``augment``, ``views``, ``head``; others are those of the config.
        scores: The metric on the held-out rows of fold 0, of fold 1, and so on, as far as it was tried.
        seconds: Wall time of these runs.
        reason: Why a run failed; empty where none did.
    """

    name: str
    method: str
    settings: dict[str, float | str] = {}
    scores: tuple[float, ...] = ()
    seconds: float = 0.0
    reason: str = ""

    @property
    def finished(self) -> bool:
        """Whether it can be chosen."""
        return bool(self.scores) and not self.reason

    @property
    def score(self) -> SampleMean:
        """The mean over the folds that it was tried on.

        Raises:
            ValueError: If it was tried on none.
        """
        return sample_mean(self.scores)

    @property
    def parts(self) -> int:
        """How much is added to standard fine-tuning: a transfer term, soft labels, changed inputs."""
        method = parse_method(self.method)
        augmented = (
            self.settings.get("augment", "none") != "none" or self.settings.get("views", 0) != 0
        )
        return method.has_transfer_term + method.uses_soft_labels + augmented

    def above(self, other: "Tried") -> SampleMean:
        """How far it lies above another, paired over the folds that both were tried on."""
        pairs = zip(self.scores, other.scores, strict=False)
        return sample_mean([one - two for one, two in pairs])


class Spent(_Part):
    """What a search cost.

    Attributes:
        runs: Students that were trained.
        seconds: Wall time of their training, with preparation and evaluation.
        budget: What was allowed, as it was given: ``"40"`` runs, or a time such as ``"30m"``.
        used_up: Whether that ended the search before all that it would have tried.
    """

    runs: int
    seconds: float
    budget: str
    used_up: bool


class ProbePoint(_Part):
    """Linear probes that were fitted on equally many rows.

    Attributes:
        rows: Rows that each was fitted on, the mean over folds.
        scores: The metric on the held-out rows of fold 0, of fold 1, and so on, at most 1.
    """

    rows: float
    scores: tuple[float, ...]

    @property
    def score(self) -> SampleMean:
        """The mean over folds."""
        return sample_mean(self.scores)


class ProbeCurve(_Part):
    """Scores of linear probes by the number of rows that they were fitted on.

    Attributes:
        of: Whose features they read: the student's own, before training, or the teachers', side by
            side.
        points: The least rows first; the last is all training rows outside of a fold.
    """

    of: Literal["student", "teachers"]
    points: tuple[ProbePoint, ...]


class Choice(_Part):
    """A finished search for the best student, as in ``auto.json``.

    Attributes:
        metric: What was to be high.
        folds: Into how many folds the training rows were dealt; None where the data has a validation
            split, which is scored with other seeds instead.
        repeats: Runs of a setting that was tried to the end: one a fold, or one a seed.
        tried: Everything that was tried, in its order.
        baseline: Name of the best standard fine-tuning among them.
        best: Name of the highest.
        chosen: Name of what was chosen.
        spent: What the search cost.
        curves: Probes on the student's and on the teachers' features, where they were fitted.
        result: Of the student that was trained so on all training rows; None if that was left out.
        baseline_result: The same of the baseline; ``result`` itself where that is the baseline.
    """

    metric: Metric
    folds: int | None
    repeats: int
    tried: tuple[Tried, ...]
    baseline: str
    best: str
    chosen: str
    spent: Spent
    curves: tuple[ProbeCurve, ...] = ()
    result: Result | None = None
    baseline_result: Result | None = None

    @property
    def unit(self) -> str:
        """What the runs of a setting differ in: ``fold`` or ``seed``."""
        return "fold" if self.folds else "seed"

    def named(self, name: str) -> Tried:
        """Return what was tried under a name."""
        return next(one for one in self.tried if one.name == name)

    @property
    def gain(self) -> SampleMean | None:
        """How far the chosen lies above the best standard fine-tuning, over the folds of both.

        None where standard fine-tuning was chosen.
        """
        if self.chosen == self.baseline:
            return None
        return self.named(self.chosen).above(self.named(self.baseline))


def read_choice(folder: Path) -> Choice:
    """Read what a search left in its folder.

    Raises:
        DataError: If there is no ``auto.json``, or it is not one of ours.
    """
    path = folder / CHOICE
    try:
        return Choice.model_validate_json(json.dumps(without_digest(path.read_bytes())))
    except FileNotFoundError:
        raise DataError(
            f"no finished search in {folder}; 'tutelage train --auto' leaves {CHOICE} there"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a search of this version of tutelage: {error}") from None
