"""The record of a search by ``tutelage tune``: its trials on the hold-out, and the chosen one."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tutelage.errors import DataError
from tutelage.files import without_digest
from tutelage.regularizers.catalogue import BASELINE
from tutelage.results.result import Result
from tutelage.tasks import Metric, SingleLabel

__all__ = ["TUNING", "Trial", "Tuning", "read_tuning"]

TUNING = "tune.json"


class Trial(BaseModel):
    """A point of a search and its result.

    Attributes:
        score: The metric on the hold-out, mean over folds and seeds; None where it was not finished.
        error: Standard error of that over these; None for one run.
        values: The metric on the hold-out of each run, in the order of folds and seeds; empty where it
            was not finished.
        state: ``finished``, ``pruned``, or ``failed``.
        reason: Why it failed.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    method: str
    settings: dict[str, float]
    teachers: tuple[str, ...]
    score: float | None
    error: float | None
    values: tuple[float, ...] = ()
    state: str
    reason: str = ""


class Tuning(BaseModel):
    """A finished search.

    Attributes:
        trials: In the order of their points.
        chosen: Name of the trial with the highest score; of equal ones the first.
        metric: The metric of the scores.
        rows: Number of rows of the hold-out with all labels; None where each of several folds was held
            out, and in
            searches of version 0.1.
        result: Of the run on all training rows; None where that was not asked for.
    """

    model_config = ConfigDict(frozen=True)

    trials: tuple[Trial, ...]
    chosen: str
    metric: Metric = SingleLabel.metric()
    rows: int | None = None
    result: Result | None = None

    @property
    def best(self) -> Trial:
        """The trial that was chosen."""
        return next(trial for trial in self.trials if trial.name == self.chosen)

    @property
    def baseline(self) -> Trial | None:
        """The best trial of standard fine-tuning; None where none was finished."""
        tried = [
            trial for trial in self.trials if trial.method == BASELINE and trial.score is not None
        ]
        return max(tried, key=lambda trial: trial.score or 0.0, default=None)


def read_tuning(folder: Path) -> Tuning:
    """Read the ``tune.json`` of a search's folder.

    Raises:
        DataError: If there is none, or it is not one of ours.
    """
    path = folder / TUNING
    try:
        return Tuning.model_validate(without_digest(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is not a search of this version of tutelage: {error}") from None
