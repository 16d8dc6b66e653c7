"""Programs of ``torch.export``: files that PyTorch runs without the code of the model."""

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tutelage.deploy.export_errors import cannot_export
from tutelage.deploy.graph import StudentGraph
from tutelage.deploy.traces import strip_program
from tutelage.errors import StudentError, first_line

__all__ = ["ProgramFile", "write_program"]


def write_program(
    graph: StudentGraph, path: Path, *, example: Mapping[str, Tensor], about: Mapping[str, Any]
) -> None:
    """Write a graph as a program, which ``torch.export.load(path).module()`` runs.

    Args:
        graph: The student.
        path: The ``.pt2`` file; ``preprocess.json`` is also inside it, as an extra file.
        example: Some rows, as the graph takes them.
        about: What ``preprocess.json`` says.

    Raises:
        StudentError: If the model has an operation that cannot be exported.
    """
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")
            program = torch.export.export(
                graph, tuple(example.values()), dynamic_shapes=(graph.dynamic,)
            )
            strip_program(program)
            torch.export.save(program, path, extra_files={"preprocess.json": json.dumps(about)})
    except Exception as error:  # noqa: BLE001 - the exporter raises errors of any type
        raise cannot_export(graph.model, error, to="torch-export") from None


class ProgramFile:
    """A program, run by PyTorch.

    Args:
        path: The file.
        names: Names of its tensors, in order.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        self._module = torch.export.load(path).module()
        self._names = names

    @torch.inference_mode()
    def outputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the outputs of some rows."""
        try:
            outputs: Tensor = self._module(*(batch[name] for name in self._names))
        except AssertionError as error:
            shapes = ", ".join(f"{name} {list(batch[name].shape)}" for name in self._names)
            raise StudentError(
                f"the program of torch.export refuses {shapes} ({first_line(error)}): an operation of the model "
                "depends on the number of rows; export --to onnx, or replace it in the model"
            ) from None
        return outputs
