"""The outputs of a run's student for the rows that it was evaluated on, as a file of the run."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.errors import DataError
from tutelage.files.tensors import DamagedTensorsError, read_tensors, write_tensors

__all__ = ["PREDICTIONS", "Predictions", "read_predictions", "write_predictions"]

PREDICTIONS = "predictions.safetensors"
MOST_BYTES = 64 * 2**20
"""Largest size of the outputs in the file; of more, a draw of the rows is kept."""


@dataclass(frozen=True)
class Predictions:
    """Outputs of evaluated rows, with what is known of these.

    Attributes:
        split: The evaluated rows: ``test`` or ``holdout``.
        ids: Id of each row.
        outputs: Logits as float32, or targets in their units as float64.
        labels: Labels of the rows, as ``tutelage.tasks.labels`` describes them.
        rows: Number of evaluated rows; of more than ``ids``, these are a draw.
    """

    split: str
    ids: tuple[str, ...]
    outputs: Float[Tensor, "some outputs"]
    labels: Shaped[Tensor, "some ..."]
    rows: int

    @property
    def is_drawn(self) -> bool:
        """Whether these are only some of the evaluated rows."""
        return len(self.ids) < self.rows

    def within(self, most_bytes: int) -> "Predictions":
        """Return a draw of rows, in order, whose outputs have at most so many bytes.

        Every call draws the same rows. A single row is always kept.
        """
        most = max(1, most_bytes // max(1, self.outputs[:1].nbytes))
        if len(self.ids) <= most:
            return self
        drawn = np.sort(np.random.default_rng(0).permutation(len(self.ids))[:most]).tolist()
        return replace(
            self,
            ids=tuple(self.ids[row] for row in drawn),
            outputs=self.outputs[drawn],
            labels=self.labels[drawn],
        )


def write_predictions(folder: Path, predictions: Predictions) -> None:
    """Write ``predictions.safetensors``: ``outputs``, ``labels``, and ``ids`` as bytes of a JSON list.

    Outputs above 64 MiB are reduced to a draw of the rows.

    Raises:
        OSError: If the folder cannot be written.
    """
    some = predictions.within(MOST_BYTES)
    ids = np.frombuffer(json.dumps(some.ids).encode(), dtype=np.uint8)
    write_tensors(
        folder / PREDICTIONS,
        {"outputs": some.outputs, "labels": some.labels, "ids": torch.from_numpy(ids.copy())},
        metadata={"split": some.split, "rows": str(some.rows)},
    )


def read_predictions(folder: Path) -> Predictions | None:
    """Read the predictions of a finished run; None where it has none, as runs of version 0.1.

    Raises:
        DataError: If the file is damaged.
    """
    path = folder / PREDICTIONS
    try:
        tensors, texts = read_tensors(path)
        return Predictions(
            split=texts["split"],
            ids=tuple(json.loads(tensors["ids"].numpy().tobytes())),
            outputs=tensors["outputs"],
            labels=tensors["labels"],
            rows=int(texts["rows"]),
        )
    except FileNotFoundError:
        return None
    except (DamagedTensorsError, KeyError, ValueError) as error:
        raise DataError(
            f"{path} is damaged: {error}; remove it, and the report leaves its rows out"
        ) from None
