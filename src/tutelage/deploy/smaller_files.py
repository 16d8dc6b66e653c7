"""ONNX files of lower precision, measured beside the student."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from tutelage.data import Split
from tutelage.deploy.compared_rows import ComparedRows
from tutelage.deploy.graph import StudentGraph
from tutelage.errors import StudentError, TutelageError, first_line
from tutelage.progress import Progress
from tutelage.tasks import Task

__all__ = ["Smaller", "smaller_file"]

CALIBRATION = 200
"""Training rows that 8-bit numbers are calibrated with."""


@dataclass(frozen=True)
class Smaller:
    """A file of lower precision.

    Attributes:
        file: Its path.
        bytes: Its size.
        difference: Largest difference of an output from the student's.
        agreement: Share of the compared rows with the same predicted class; None for other tasks.
        before: The leading metric of the student on these rows.
        after: The same of this file.
    """

    file: Path
    bytes: int
    difference: float
    agreement: float | None
    before: float
    after: float


def smaller_file(
    kind: str,
    file: Path,
    compared: ComparedRows,
    *,
    task: Task,
    graph: StudentGraph,
    training: Split,
    progress: Progress,
) -> Smaller:
    """Write a file of lower precision, and measure it beside the student.

    Args:
        kind: ``"half"`` or ``"int8"``.
        file: The ONNX file; the smaller one is written beside it.
        compared: Rows to measure it on.
        task: The meaning of its outputs.
        graph: The student.
        training: Rows to calibrate 8-bit numbers with.
        progress: Receives progress reports.

    Raises:
        StudentError: If it cannot be written or run, or its outputs are not finite.
    """
    from tutelage.deploy.onnx_files import OnnxFile, halve, quantize

    path = file.with_name(f"{file.stem}-{kind}{file.suffix}")
    progress.note(f"writing and measuring {path.name}")
    try:
        if kind == "half":
            halve(file, path)
        else:
            quantize(file, path, batches=list(_calibration(graph, training)))
        outputs = compared.outputs(OnnxFile(path))
    except TutelageError:
        raise
    except Exception as error:  # the converters and ONNX Runtime raise errors of any type
        raise StudentError(
            f"{path.name} cannot be written for this model, and nothing is: {first_line(error)}; leave "
            f"--{kind} out"
        ) from error
    if not bool(outputs.isfinite().all()):
        raise StudentError(
            f"the outputs of {path.name} are not finite numbers: float16 does not hold what this model "
            "computes; leave --half out"
        )
    same = (outputs.argmax(1) == compared.expected.argmax(1)).double().mean()
    lead = task.lead.name
    return Smaller(
        file=path,
        bytes=path.stat().st_size,
        difference=float((outputs - compared.expected).abs().max()),
        agreement=float(same) if task.labels_are_classes else None,
        before=task.scores(compared.expected, compared.labels).get(lead, float("nan")),
        after=task.scores(outputs, compared.labels).get(lead, float("nan")),
    )


def _calibration(graph: StudentGraph, training: Split) -> Iterator[Mapping[str, Tensor]]:
    count = min(CALIBRATION, len(training))
    numbers = [index * len(training) // count for index in range(count)]
    size = 1 if graph.takes_one_row else 20
    for first in range(0, count, size):
        yield graph.batch([training.rows[number] for number in numbers[first : first + size]])
