"""Batch sizes and step counts from the number of rows."""

from tutelage.config import TrainConfig
from tutelage.errors import ConfigError, TrainingError

__all__ = ["batch_sizes", "with_steps"]


def batch_sizes(labelled: int, unlabelled: int, *, settings: TrainConfig) -> tuple[int, int]:
    """Return how many rows with and without a label a batch has.

    Args:
        labelled: Rows with a label.
        unlabelled: Rows without one that the run learns from.
        settings: How to train.

    Raises:
        TrainingError: If that is less than two rows, or none with a label.
    """
    without = round(settings.unlabelled_share * settings.batch_size) if unlabelled else 0
    rows = min(settings.batch_size - without, labelled)
    if rows < 1 or rows + without < 2:
        raise TrainingError(
            f"a batch would have {rows} rows with a label and {without} without; it needs two "
            "rows, one of them with a label: give more rows, a larger train.batch_size, or a smaller "
            "train.unlabelled_share"
        )
    return rows, min(without, unlabelled)


def with_steps(
    settings: TrainConfig, *, labelled: int, unlabelled: int = 0, processes: int = 1
) -> TrainConfig:
    """Return the settings with the number of steps that ``epochs`` or ``whole_epochs`` comes to.

    An epoch is ``labelled // (labelled rows of a batch)`` batches; a step takes ``accumulate`` of
    them in each process. ``n`` epochs of ``e`` batches are ``ceil(n e / batches of a step)`` steps.
    Settings that were changed so once stay as they are.

    Args:
        settings: How to train.
        labelled: Rows with a label.
        unlabelled: Rows without one that the run learns from.
        processes: How many train together.

    Raises:
        ConfigError: If ``warmup`` is longer than that.

    Example:
        >>> with_steps(TrainConfig(steps=5000, whole_epochs=True, batch_size=128), labelled=1020).steps
        5005
    """
    if settings.epochs is None and not settings.whole_epochs:
        return settings
    epoch = labelled // batch_sizes(labelled, unlabelled, settings=settings)[0]
    step = settings.accumulate * processes
    epochs = settings.epochs or (settings.steps - 1) * step // epoch + 1
    steps = -(-epochs * epoch // step)
    if settings.warmup >= steps:
        raise ConfigError(
            f"train.warmup ({settings.warmup}) must end before the {steps} steps of {epochs} epochs do"
        )
    return settings.model_copy(update={"steps": steps})
