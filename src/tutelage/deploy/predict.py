"""Predictions of a finished run: of rows in Python, and of any source as a stream."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from typing import Any

from jaxtyping import Float32
from torch import Tensor, nn

from tutelage.data import Columns
from tutelage.data.decoding import Decoding
from tutelage.data.given import GivenRows
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.stream import Computing, stream_outputs
from tutelage.errors import DataError
from tutelage.tasks import Task

__all__ = ["Prediction", "Predictor", "columns_of", "load", "read_predictions"]

Answer = str | float | tuple[str, ...] | tuple[float, ...]


@dataclass(frozen=True)
class Prediction:
    """What a student says of one row.

    Attributes:
        answer: The most likely class; of several labels, all with a probability of at least 1/2, in
            a tuple; of regression the number, or a tuple of several.
        scores: Probability of each class or label, 0 to 1, or each target in its unit, by name.

    Example:
        >>> Prediction("cat", {"cat": 0.9, "dog": 0.1}).top(1)
        [('cat', 0.9)]
    """

    answer: Answer
    scores: Mapping[str, float]

    def top(self, most: int) -> list[tuple[str, float]]:
        """Return the names with the greatest scores, the greatest first."""
        return sorted(self.scores.items(), key=lambda item: -item[1])[:most]


class Predictor:
    """A finished run's student, ready to predict.

    Args:
        run: The run.
        device: ``"auto"``, ``"cpu"``, or a device of PyTorch; by default as in training.

    Attributes:
        run: The run.
        classes: Names of the classes, labels or targets.
    """

    def __init__(self, run: SavedRun, *, device: str | None = None) -> None:
        self.run = run
        self.classes = run.task.names
        self._device = device

    @property
    def model(self) -> nn.Module:
        """The student's model, as its library knows it."""
        return self.run.student.model

    def predict(self, rows: Any, *, batch_size: int | None = None) -> list[Prediction]:
        """Predict rows that are in memory or in files.

        Args:
            rows: A list of rows, or one row. Pictures are paths, ``PIL.Image.Image`` or bytes of
                files; texts are strings, or lists of several columns; rows of both are
                ``(image, text)``. Each may be a dict of the columns that the run was trained on.
            batch_size: Rows at once; by default as in training.

        Returns:
            A prediction a row, in order.

        Raises:
            ConfigError: If ``batch_size`` is below 1.
            DataError: If a row cannot be read, or is of another kind.

        Example:
            >>> import tutelage
            >>> student = tutelage.load("runs/flowers")  # doctest: +SKIP
            >>> student.predict(["rose.jpg"])[0].answer  # doctest: +SKIP
            'rose'
        """
        single = isinstance(rows, str | bytes | Mapping) or not isinstance(rows, Sequence)
        given = [rows] if single else list(rows)
        run = self.run
        source = GivenRows(given, run.modality, columns_of(run), Decoding.of(run.config.data))
        computing = Computing.of(run, device=self._device, batch_size=batch_size, workers=0)
        predictions: list[Prediction] = []
        for piece in stream_outputs(run, source, computing):
            for reason in piece.unread.values():
                raise DataError(reason)
            predictions += read_predictions(run.task, piece.outputs)
        return predictions


def load(folder: str | PathLike[str], *, device: str | None = None) -> Predictor:
    """Open the folder of a finished run, or a published student, to predict with it.

    No teacher is imported, and no training data is read.

    Args:
        folder: The folder that ``tutelage train`` wrote; or ``"hf:USER/NAME"`` on the Hugging Face hub,
            as ``tutelage push`` published it, where ``@REVISION`` may follow.
        device: ``"auto"``, ``"cpu"``, or a device of PyTorch such as ``"cuda:1"``; by default as in
            training.

    Raises:
        DataError: If it is not the folder of a finished run, files are missing or damaged, or the hub
            cannot be reached.
        StudentError: If the student cannot be rebuilt, or there is no such device.
    """
    return Predictor(SavedRun.open(folder), device=device)


def columns_of(run: SavedRun) -> Columns:
    """Return the columns of inputs that a run was trained on, as far as they are known."""
    named, read = Columns.of(run.config.data), run.result.inputs
    image = named.image or (read.image if read else None)
    text = named.text or (read.text if read else None)
    return Columns(image=image, text=text, template=named.template, label=None)


def read_predictions(task: Task, outputs: Float32[Tensor, "rows outputs"]) -> Iterator[Prediction]:
    """Return what outputs say, a prediction a row."""
    for logits, scores in zip(outputs, task.probabilities(outputs).tolist(), strict=True):
        by_name = dict(zip(task.names, scores, strict=True))
        if task.labels_are_classes:
            yield Prediction(task.names[int(logits.argmax())], by_name)
        elif task.has_classes:
            named = zip(task.names, logits.tolist(), strict=True)
            yield Prediction(tuple(name for name, logit in named if logit >= 0), by_name)
        else:
            yield Prediction(scores[0] if len(scores) == 1 else tuple(scores), by_name)
