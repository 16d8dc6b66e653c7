"""ONNX files of students: written by PyTorch's exporter, run by ONNX Runtime, made smaller."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.torch_version import TorchVersion

from tutelage.deploy.export_errors import cannot_export
from tutelage.deploy.graph import StudentGraph
from tutelage.deploy.traces import strip_onnx
from tutelage.errors import ConfigError, MissingExtraError

try:
    import onnx
    import onnxruntime
    import onnxscript  # noqa: F401 - PyTorch's exporter needs it
except ImportError as error:
    raise MissingExtraError(
        "onnx, onnxruntime and onnxscript", extra="onnx", purpose="tutelage export --to onnx"
    ) from error

from tutelage.deploy.onnx_padding import keep_padding
from tutelage.deploy.quiet import quietly

__all__ = ["OUTPUT", "OnnxFile", "halve", "quantize", "write_onnx"]

OUTPUT = "logits"
"""Name of a graph's output: logits, or targets in their units."""
NEEDED = "2.10"
"""PyTorch's version: 2.9 fails where sizes are free, and 2.8 writes one branch of a model that has two."""
QUANTIZED = ("Conv", "Gemm", "MatMul", "Gather")
"""Operators that are computed with integers of 8 bits: those with nearly all weights and work."""


def write_onnx(
    graph: StudentGraph, path: Path, *, example: Mapping[str, Tensor], about: Mapping[str, Any]
) -> None:
    """Write a graph as an ONNX file.

    Args:
        graph: The student.
        path: The file; weights are inside it, as far as the format allows (2 GB).
        example: Some rows, as the graph takes them.
        about: Becomes the file's metadata, a JSON text a key.

    Raises:
        ConfigError: If PyTorch is too old.
        StudentError: If the model has an operation that cannot be exported.
    """
    if TorchVersion(torch.__version__) < NEEDED:
        raise ConfigError(
            f"--to onnx needs PyTorch {NEEDED} or newer, and this is {torch.__version__}; update it "
            "(pip install --upgrade torch torchvision), or choose --to torch-export"
        )
    try:
        with quietly(), torch.inference_mode():
            program = torch.onnx.export(
                graph,
                tuple(example.values()),
                dynamo=True,
                input_names=list(graph.names),
                output_names=[OUTPUT],
                dynamic_shapes=(graph.dynamic,),
                verbose=False,
            )
    except Exception as error:  # noqa: BLE001 - the exporter raises errors of any type
        raise cannot_export(graph.model, error, to="onnx") from None
    assert program is not None
    model = program.model_proto
    _name_axes(model, graph)
    keep_padding(model)
    _write(model, path, about=about)


def halve(source: Path, path: Path) -> None:
    """Write a file with weights and computing in float16; its inputs and outputs keep their types."""
    from onnxruntime.transformers.float16 import convert_float_to_float16

    with quietly():
        model = onnx.load(source)
        about = {entry.key: entry.value for entry in model.metadata_props}
        small = convert_float_to_float16(model, keep_io_types=True)
    _write(small, path, about={}, raw=about)


def quantize(source: Path, path: Path, *, batches: Sequence[Mapping[str, Tensor]]) -> None:
    """Write a file with weights and products of 8 bits, calibrated on rows (static quantization).

    Convolutions and products with matrices are of 8 bits; weights have a scale a channel; the ranges of what
    is computed are the smallest and greatest values on the batches.

    Args:
        source: The file to quantize.
        path: The file to write.
        batches: Rows to calibrate with, as the graph takes them.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Rows(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = iter(batches)

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.left, None)
            return None if batch is None else {k: v.numpy() for k, v in batch.items()}

    prepared = path.with_name(f"{path.name}.prepared")
    try:
        with quietly():
            quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(path),
                Rows(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTIZED),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
            model = onnx.load(path)
            about = {entry.key: entry.value for entry in onnx.load(source).metadata_props}
    finally:
        prepared.unlink(missing_ok=True)
    _write(model, path, about={}, raw=about)


class OnnxFile:
    """An ONNX file, run on the CPU.

    Args:
        path: The file.
        optimized: Whether ONNX Runtime may rewrite the graph.
    """

    def __init__(self, path: Path, *, optimized: bool = True) -> None:
        options = onnxruntime.SessionOptions()
        if not optimized:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )

    def outputs(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Return the outputs of some rows."""
        feeds = {name: value.numpy() for name, value in batch.items()}
        return torch.from_numpy(self._session.run([OUTPUT], feeds)[0])


def _name_axes(model: Any, graph: StudentGraph) -> None:
    """Call free dimensions what they are: rows, tokens, height and width."""
    for value in model.graph.input:
        for dim, name in zip(value.type.tensor_type.shape.dim, graph.axes(value.name), strict=True):
            if isinstance(name, str):
                dim.dim_param = name
            else:
                dim.dim_value = name
    for value in model.graph.output:
        rows = value.type.tensor_type.shape.dim[0]
        if graph.takes_one_row:
            rows.dim_value = 1
        else:
            rows.dim_param = "rows"


def _write(
    model: Any, path: Path, *, about: Mapping[str, Any], raw: Mapping[str, str] | None = None
) -> None:
    texts = dict(raw or {}) | {key: json.dumps(value) for key, value in about.items()}
    onnx.helper.set_model_props(model, texts)
    model.producer_name = "tutelage"
    strip_onnx(model)
    onnx.save(model, path)
