"""Batch sizes and step counts from the number of rows."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from tutelage.config import TrainConfig
from tutelage.errors import ConfigError, TrainingError

__all__ = ["Length", "StepRule", "batch_sizes", "length_of"]

PACE = 50
"""Steps of standard fine-tuning where a step takes all rows; measured (experiments/students)."""
TAUGHT = 1.5
"""So many times these steps where teachers are learned from; measured there, too."""
PASSES = 3
"""Least number of passes over the rows, for tasks larger than those that were measured."""


def batch_sizes(labelled: int, unlabelled: int, *, settings: TrainConfig) -> tuple[int, int]:
    """Return how many rows with and without a label a batch has.

    Where fewer rows without a label are there than their share, rows with one fill the batch.

    Args:
        labelled: Rows with a label.
        unlabelled: Rows without one that the run learns from.
        settings: How to train.

    Raises:
        TrainingError: If that is less than two rows, or none with a label.
    """
    without = min(round(settings.unlabelled_share * settings.batch_size), unlabelled)
    rows = min(settings.batch_size - without, labelled)
    if rows < 1 or rows + without < 2:
        raise TrainingError(
            f"a batch would have {rows} rows with a label and {without} without; it needs two "
            "rows, one of them with a label: give more rows, a larger train.batch_size, or a smaller "
            "train.unlabelled_share"
        )
    return rows, without


@dataclass(frozen=True)
class StepRule:
    """The number of steps of ``train.steps = "auto"``.

        patience * (TAUGHT if teachers are learned from) * max(PACE * sqrt(r), PASSES * r)

    with ``r = max(1, rows / rows of a step)``. The root lies between a fixed number of steps, which is
    too few passes over many rows, and a fixed number of epochs, which is too few steps on few rows.

    Attributes:
        rows: Rows that the run learns from, with a label and without.
        step: Rows of a step, over all processes.
        taught: Whether teachers are learned from.
        patience: ``train.patience``.
    """

    rows: int
    step: int
    taught: bool
    patience: float

    @classmethod
    def of(
        cls,
        settings: TrainConfig,
        *,
        labelled: int,
        unlabelled: int = 0,
        processes: int = 1,
        taught: bool = False,
    ) -> "StepRule | None":
        """Return the rule of a run; None where ``steps`` or ``epochs`` state the length.

        Args:
            settings: How to train.
            labelled: Rows with a label.
            unlabelled: Rows without one that the run learns from.
            processes: How many train together.
            taught: Whether teachers are learned from.

        Raises:
            TrainingError: If there are too few rows for a batch.

        Example:
            >>> print(StepRule.of(TrainConfig(batch_size=64), labelled=400))
            125 steps of 64 rows: 50 x sqrt(400 rows / 64)
            >>> print(StepRule.of(TrainConfig(batch_size=128), labelled=50_000))
            1,172 steps of 128 rows: 3 x 50,000 rows / 128
        """
        if settings.epochs is not None or settings.steps != "auto":
            return None
        batch = sum(batch_sizes(labelled, unlabelled, settings=settings))
        step = batch * settings.accumulate * processes
        return cls(labelled + unlabelled, step, taught, settings.patience)

    @property
    def steps(self) -> int:
        """The number of steps, at least 1."""
        times = self.patience * (TAUGHT if self.taught else 1)
        return max(1, round(times * max(PACE * math.sqrt(self._once), PASSES * self._once)))

    @property
    def _once(self) -> float:
        """Steps of one pass over the rows, at least 1."""
        return max(1.0, self.rows / self.step)

    def __str__(self) -> str:
        """The number and the rule in words."""
        passes = PASSES * self._once > PACE * math.sqrt(self._once)
        ratio = f"{self.rows:,} rows / {self.step:,}"
        factors = [f"{PASSES if passes else PACE:g}"]
        factors += [f"{TAUGHT:g} (teachers)"] if self.taught else []
        factors += [ratio if passes else f"sqrt({ratio})"] if self.rows > self.step else []
        factors += [f"patience {self.patience:g}"] if self.patience != 1 else []
        return f"{self.steps:,} steps of {self.step:,} rows: {' x '.join(factors)}"


class Length(NamedTuple):
    """How long a run is trained.

    Attributes:
        settings: The settings, with the number of steps.
        rule: How that number came about; None where ``steps`` or ``epochs`` state it.
    """

    settings: TrainConfig
    rule: StepRule | None

    def __str__(self) -> str:
        """The number of steps, and why."""
        steps, epochs = f"{self.settings.steps:,} steps", self.settings.epochs
        if self.rule is None:
            return f"{steps} ({'train.steps' if epochs is None else f'train.epochs = {epochs}'})"
        rounded = f", in whole epochs {steps}" if self.settings.steps != self.rule.steps else ""
        return f"{self.rule}{rounded}"


def length_of(
    settings: TrainConfig,
    *,
    labelled: int,
    unlabelled: int = 0,
    processes: int = 1,
    taught: bool = False,
) -> Length:
    """Return how long a run is trained where ``"auto"`` or whole epochs say so by the rows.

    An epoch is ``labelled // (labelled rows of a batch)`` batches; a step takes ``accumulate`` of
    them in each process. ``n`` epochs of ``e`` batches are ``ceil(n e / batches of a step)`` steps.
    Settings that were changed so once stay as they are.

    Args:
        settings: How to train.
        labelled: Rows with a label.
        unlabelled: Rows without one that the run learns from.
        processes: How many train together.
        taught: Whether teachers are learned from.

    Raises:
        ConfigError: If ``warmup`` is longer than that.
        TrainingError: If there are too few rows for a batch.

    Example:
        >>> train = TrainConfig(steps=5000, whole_epochs=True, batch_size=128)
        >>> length_of(train, labelled=1020).settings.steps
        5005
    """
    rule = StepRule.of(
        settings, labelled=labelled, unlabelled=unlabelled, processes=processes, taught=taught
    )
    if rule is not None:
        settings = settings.model_copy(update={"steps": rule.steps})
    if settings.epochs is not None or settings.whole_epochs:
        epoch = labelled // batch_sizes(labelled, unlabelled, settings=settings)[0]
        step = settings.accumulate * processes
        epochs = settings.epochs or (settings.known_steps - 1) * step // epoch + 1
        settings = settings.model_copy(update={"steps": -(-epochs * epoch // step)})
        length = f"{settings.steps} steps of {epochs} epochs"
    else:
        length = f"{settings.steps} steps of train.steps = 'auto'"
    if 0 < settings.warmup >= settings.known_steps:
        raise ConfigError(f"train.warmup ({settings.warmup}) must end before the {length} do")
    return Length(settings, rule)
