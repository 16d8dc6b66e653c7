"""Teachers in ONNX files, run by ONNX Runtime."""

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.backbones.pooling import masked_mean
from tutelage.data.base import Side
from tutelage.errors import (
    MissingExtraError,
    SourceError,
    TutelageError,
    did_you_mean,
    first_line,
)
from tutelage.inputs import custom_input, empty_batch, input_mistakes
from tutelage.teachers.digests import files_digest
from tutelage.teachers.module import TakesRows

try:
    import onnx
    import onnxruntime
    from onnx.external_data_helper import uses_external_data
except ImportError as error:
    raise MissingExtraError("onnxruntime and onnx", extra="onnx", purpose="onnx:") from error

__all__ = ["OnnxSource", "mistakes"]


def mistakes(name: str, *, modality: Side, model_input: Mapping[str, Any] | None) -> list[str]:
    """Return what is known to be wrong with a teacher before it is loaded."""
    wrong = input_mistakes(model_input, modality=modality, where="teachers.input")
    return wrong if Path(name).expanduser().is_file() else [*wrong, f"there is no ONNX file {name}"]


TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
}


class OnnxSource(TakesRows):
    """An ONNX model whose feature is one of its outputs or inner values.

    A feature is a matrix, states of tokens (averaged over the mask), or a feature map (averaged).

    Args:
        name: Path of the file.
        modality: Modality of the rows.
        model_input: Input of the model.
        output: Name of an output or of a value in the graph; by default the only output.
        layout: Order of an image's axes, ``"nchw"`` or ``"nhwc"``.
        channels: ``"rgb"`` or ``"bgr"``; mean and std are always in the order of RGB.

    Raises:
        MissingExtraError: If onnxruntime or onnx is not installed.
        SourceError: If there is no such file, value or input, or the output is no feature.
    """

    def __init__(
        self,
        name: str,
        *,
        modality: Side,
        model_input: Mapping[str, Any] | None,
        output: str | None = None,
        layout: Literal["nchw", "nhwc"] = "nchw",
        channels: Literal["rgb", "bgr"] = "rgb",
    ) -> None:
        for option, value, allowed in (
            ("layout", layout, ("nchw", "nhwc")),
            ("channels", channels, ("rgb", "bgr")),
        ):
            if value not in allowed:
                raise SourceError(f"{option} must be {' or '.join(allowed)}, not {value!r}")
        path = Path(name).expanduser()
        graph = _read(path)
        self.input = custom_input(model_input, modality=modality, where="teachers.input")
        self.parameters: int | None = sum(int(np.prod(t.dims)) for t in graph.graph.initializer)
        self._layout = layout
        self._channels = channels
        self._path = path
        self._output, self._model = _reach(graph, path, output)
        self._session = self._open(["CPUExecutionProvider"])
        self._identity = {
            "scheme": "onnx",
            "weights": files_digest([path, *_external(graph, path)]),
            "features": self._output,
            "layout": f"{layout} {channels}",
            **self.input.identity(),
        }
        self.width = self._find_width()

    def identity(self) -> Mapping[str, str]:
        """Return all that decides the features."""
        return dict(self._identity)

    def to(self, device: torch.device, dtype: torch.dtype) -> None:
        """Use a GPU if ONNX Runtime supports it; the precision is that of the file."""
        if device.type == "cuda" and (
            "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        ):
            gpu = ("CUDAExecutionProvider", {"device_id": device.index or 0})
            self._session = self._open([gpu, "CPUExecutionProvider"])

    def encode(self, batch: Mapping[str, Tensor]) -> Float[Tensor, "batch width"]:
        """Return the features, on the CPU."""
        ready = self.input.finish(batch, dtype=torch.float32)
        mask = ready.get("attention_mask")
        if "image" in ready:
            image = ready["image"].flip(1) if self._channels == "bgr" else ready["image"]
            ready = {"image": image if self._layout == "nchw" else image.permute(0, 2, 3, 1)}
        feeds = self._feeds(ready)
        pieces = [
            self._session.run([self._output], {n: v[rows] for n, v in feeds.items()})[0]
            for rows in self._cut(len(next(iter(feeds.values()))))
        ]
        features = torch.from_numpy(np.concatenate(pieces)).float()
        if features.ndim == 4:
            return features.mean((2, 3) if self._layout == "nchw" else (1, 2))
        if features.ndim == 3:
            return masked_mean(features, None if mask is None else mask.cpu())
        return features

    def _feeds(self, ready: Mapping[str, Tensor]) -> dict[str, Shaped[np.ndarray, "batch ..."]]:
        wanted = self._session.get_inputs()
        if "image" in ready:
            if len(wanted) != 1:
                names = ", ".join(one.name for one in wanted)
                raise SourceError(
                    f"{self._path} takes {names}; a single input, images, is expected"
                )
            ready = {wanted[0].name: ready["image"]}
        feeds = {}
        for one in wanted:
            if one.name == "token_type_ids" and one.name not in ready:
                ready = {**ready, one.name: torch.zeros_like(ready["input_ids"])}
            if one.name not in ready:
                raise SourceError(
                    f"{self._path} takes an input {one.name!r}; the rows give {', '.join(ready)}"
                )
            value = ready[one.name].cpu().numpy()
            feeds[one.name] = np.ascontiguousarray(value, TYPES.get(one.type, value.dtype))
        return feeds

    def _cut(self, rows: int) -> Iterator[slice]:
        """Yield slices of the batch size that the graph is fixed to, if any."""
        fixed = self._session.get_inputs()[0].shape[0]
        size = fixed if isinstance(fixed, int) and fixed > 0 else rows
        if rows % size:
            raise SourceError(
                f"{self._path} takes batches of exactly {size} rows; export it with a dynamic batch"
            )
        for start in range(0, rows, size):
            yield slice(start, start + size)

    def _open(self, providers: list[Any]) -> Any:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        content = str(self._path) if self._model is None else self._model.SerializeToString()
        try:
            return onnxruntime.InferenceSession(content, options, providers=providers)
        except Exception as error:
            raise SourceError(
                f"ONNX Runtime cannot run {self._path}: {first_line(error)}"
            ) from error

    def _find_width(self) -> int:
        try:
            features = self.encode(empty_batch(self.input))
        except TutelageError:
            raise
        except Exception as error:
            raise SourceError(
                f"{self._path} cannot be called with the input that teachers.input "
                f"describes: {first_line(error)}"
            ) from error
        if features.ndim != 2 or len(features) != 1:
            raise SourceError(
                f"{self._output!r} of {self._path} has shape {tuple(features.shape)} for one row; "
                "choose another output"
            )
        return features.shape[1]


def _read(path: Path) -> Any:
    if not path.is_file():
        raise SourceError(f"there is no ONNX file {path}")
    try:
        graph = onnx.load(str(path), load_external_data=False)
    except Exception as error:
        raise SourceError(f"{path} is not an ONNX model: {first_line(error)}") from error
    if not graph.graph.output:  # true of an empty file
        raise SourceError(f"{path} is not an ONNX model: it has no outputs; export it again")
    return graph


def _reach(graph: Any, path: Path, output: str | None) -> tuple[str, Any]:
    """Return the output's name, and a changed model if it had to become an output."""
    declared = [value.name for value in graph.graph.output]
    if output is None:
        if len(declared) > 1:
            raise SourceError(f"{path} has the outputs {', '.join(declared)}; choose one by output")
        return declared[0], None
    if output in declared:
        return output, None
    inner = [name for node in graph.graph.node for name in node.output]
    if output not in inner:
        raise SourceError(
            f"{path} has no value {output!r}{did_you_mean(output, [*declared, *inner])}; "
            f"its outputs are: {', '.join(declared)}"
        )
    changed = copy.deepcopy(graph)
    onnx.external_data_helper.load_external_data_for_model(changed, str(path.parent))
    changed.graph.output.append(onnx.helper.make_empty_tensor_value_info(output))
    return output, changed


def _external(graph: Any, path: Path) -> list[Path]:
    """Return the external files with the model's weights."""
    names = {
        entry.value
        for tensor in graph.graph.initializer
        if uses_external_data(tensor)
        for entry in tensor.external_data
        if entry.key == "location"
    }
    return [path.parent / name for name in sorted(names)]
