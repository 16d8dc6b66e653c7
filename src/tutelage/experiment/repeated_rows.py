"""Rows that come twice in one loss, of all processes or of all passes of a step."""

from typing import Literal

from tutelage.config import TrainConfig

__all__ = ["repeated_rows"]


def repeated_rows(
    settings: TrainConfig,
    *,
    joined: Literal["global", "local", "step"],
    labelled: int,
    processes: int,
) -> list[str]:
    """Return a sentence if one loss is taken over more rows than there are, so that some come twice.

    Args:
        settings: Rows of a batch, and passes of a step.
        joined: ``transfer.batch``: over which of them a loss is taken.
        labelled: Rows with a label.
        processes: How many train together.
    """
    across = 1 if joined == "local" else processes
    passes = settings.accumulate if joined == "step" else 1
    batch, batches = min(settings.batch_size, labelled), across * passes
    if batches == 1 or batch * batches <= labelled:
        return []
    return [
        f"a loss is taken over {batch * batches:,} rows ({passes} x {across} batches of {batch}), and "
        f"there are {labelled:,}: some come twice; train.batch_size = {max(2, labelled // batches)} is at "
        "most one of each"
    ]
