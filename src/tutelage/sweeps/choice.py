"""What ``train --auto`` found: every setting tried, fold by fold, and the rule that chooses one."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from tutelage.errors import DataError
from tutelage.files import without_digest
from tutelage.regularizers.catalogue import BASELINE, parse_method
from tutelage.results.result import Result
from tutelage.results.statistics import SampleMean, sample_mean
from tutelage.tasks import Metric

__all__ = ["Choice", "Chosen", "Spent", "Tried", "choose", "read_choice"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Tried(_Part):
    """A setting, and how good students were that were trained so.

    Attributes:
        name: The folder of its runs.
        method: The method's name.
        settings: Values by name: ``lr``, ``patience``, ``beta``, ``mix``, ``unlabelled_share``,
            ``augment``; others are those of the config.
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
        """How much is added to standard fine-tuning: a transfer term, soft labels, augmentation."""
        method = parse_method(self.method)
        augmented = self.settings.get("augment", "none") != "none"
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


class Chosen(NamedTuple):
    """Names of settings.

    Attributes:
        baseline: The best standard fine-tuning.
        best: The highest mean.
        chosen: The simplest within one standard error of that.
    """

    baseline: str
    best: str
    chosen: str


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
    result: Result | None = None
    baseline_result: Result | None = None

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
    path = folder / "auto.json"
    try:
        return Choice.model_validate_json(json.dumps(without_digest(path.read_bytes())))
    except FileNotFoundError:
        raise DataError(
            f"no finished search in {folder}; 'tutelage train --auto' leaves auto.json there"
        ) from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a search of this version of tutelage: {error}") from None


def choose(tried: Sequence[Tried]) -> Chosen:
    """Choose by the scores on held-out rows.

    The rule. Those are compared that were tried on as many folds as any method with teachers and the
    best standard fine-tuning both were, over these folds. Of all whose mean is within one standard
    error of the highest mean, the error of the difference, paired over folds, and not below standard
    fine-tuning, the one with the fewest parts is chosen; of several, the highest.

    Args:
        tried: Standard fine-tuning at least once, finished.

    Source:
        The rule of one standard error: Breiman et al. 1984, Classification and Regression Trees.

    Raises:
        ValueError: If no standard fine-tuning is among them.

    Example:
        >>> choose([
        ...     Tried(name="stl", method="stl", scores=(0.70, 0.72, 0.71)),
        ...     Tried(name="aft", method="aft", scores=(0.75, 0.76, 0.76)),
        ...     Tried(name="aft+probe", method="aft+probe", scores=(0.77, 0.74, 0.77)),
        ... ])
        Chosen(baseline='stl', best='aft+probe', chosen='aft')
    """
    finished = [one for one in tried if one.finished]
    plain = [one for one in finished if one.method == BASELINE]
    if not plain:
        raise ValueError("no standard fine-tuning among what was tried; there is nothing to beat")
    taught = [len(one.scores) for one in finished if one.method != BASELINE]
    most = max(len(one.scores) for one in plain)
    depth = min(most, max(taught, default=most))
    rivals = {
        one.name: one.model_copy(update={"scores": one.scores[:depth]})
        for one in finished
        if len(one.scores) >= depth
    }
    baseline = max(
        (one for one in plain if one.name in rivals), key=lambda one: rivals[one.name].score.mean
    )
    best = max(rivals.values(), key=lambda one: one.score.mean)
    least = rivals[baseline.name].score.mean
    near = [
        one
        for one in rivals.values()
        if one.score.mean >= least and _within_one_error(best.above(one))
    ]
    chosen = min(near, key=lambda one: (one.parts, -one.score.mean))
    return Chosen(baseline.name, best.name, chosen.name)


def _within_one_error(difference: SampleMean) -> bool:
    return difference.mean <= (difference.error or 0.0)
