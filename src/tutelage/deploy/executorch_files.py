"""ExecuTorch programs of students: for phones and small devices, run on the CPU by XNNPACK."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from tutelage.deploy.export_errors import cannot_export
from tutelage.deploy.graph import StudentGraph
from tutelage.deploy.quiet import quietly
from tutelage.errors import MissingExtraError, StudentError, first_line

__all__ = ["MOST_ROWS", "ExecutorchFile", "refuse_without_executorch", "write_executorch"]

MOST_ROWS = 32
"""Rows that a program takes at most: its memory is planned when it is written."""
TRACED_ROWS = 17
"""Rows to trace with. With fewer than 16, PyTorch may bound the rows of convolutions by 15."""


def refuse_without_executorch() -> None:
    """Refuse to go on where the package is not installed.

    Raises:
        MissingExtraError: If it is not.
    """
    if find_spec("executorch") is None:
        raise MissingExtraError(
            "executorch", extra="executorch", purpose="tutelage export --to executorch"
        )


def write_executorch(graph: StudentGraph, path: Path) -> None:
    """Write a graph as an ExecuTorch program for 1 to 32 rows.

    Operators that XNNPACK has are computed by it, others by ExecuTorch's portable ones, in float32.
    Texts have at most as many tokens as the student reads.

    Args:
        graph: The student.
        path: The ``.pte`` file.

    Raises:
        StudentError: If the model has an operation that cannot be exported.
    """
    with quietly():
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import to_edge_transform_and_lower
    try:
        with quietly(), torch.no_grad():
            program = torch.export.export(
                graph,
                tuple(graph.example_batch(TRACED_ROWS).values()),
                dynamic_shapes=(graph.bounded(MOST_ROWS),),
            )
            lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()])
            path.write_bytes(lowered.to_executorch().buffer)
    except Exception as error:  # noqa: BLE001 - the exporter raises errors of any type
        raise cannot_export(graph.model, error, to="executorch") from None


class ExecutorchFile:
    """An ExecuTorch program, run by ExecuTorch's runtime on the CPU.

    Args:
        path: The file.
        names: Names of its tensors, in order.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        with quietly():
            from executorch.runtime import Runtime
        self._program = Runtime.get().load_program(path)  # the method needs it
        self._method = self._program.load_method("forward")
        self._names = names

    def outputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the outputs of some rows."""
        try:
            (outputs,) = self._method.execute([batch[name] for name in self._names])
        except RuntimeError as error:
            shapes = ", ".join(f"{name} {list(batch[name].shape)}" for name in self._names)
            raise StudentError(
                f"ExecuTorch's runtime cannot run {shapes} ({first_line(error)}); export --to onnx"
            ) from None
        copied: Tensor = outputs.clone()  # the next call writes over it
        return copied
