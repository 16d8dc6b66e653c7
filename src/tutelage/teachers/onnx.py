"""Teachers in ONNX files, run by ONNX Runtime."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from tutelage.backbones.pooling import masked_mean
from tutelage.data.base import Side
from tutelage.errors import MissingExtraError, SourceError, TutelageError, whole_message
from tutelage.inputs import (
    ImageInput,
    TextInput,
    custom_input,
    empty_batch,
    input_mistakes,
    padding_id,
    unlike_batches,
)
from tutelage.teachers.digests import files_digest
from tutelage.teachers.module import TakesRows
from tutelage.teachers.onnx_feeds import GraphInputs
from tutelage.teachers.onnx_graph import (
    Axes,
    Layout,
    axes_of,
    external_files,
    image_layout,
    reach,
    read_graph,
)

try:
    import onnxruntime
except ImportError as error:
    raise MissingExtraError("onnxruntime and onnx", extra="onnx", purpose="onnx:") from error

__all__ = ["OnnxSource", "mistakes"]

_WIDE = (torch.float64, torch.int32, torch.int64, torch.uint32, torch.uint64)


def mistakes(name: str, *, modality: Side, model_input: Mapping[str, Any] | None) -> list[str]:
    """Return what is known to be wrong with a teacher before it is loaded."""
    wrong = input_mistakes(model_input, modality=modality, where="teachers.input")
    return wrong if Path(name).expanduser().is_file() else [*wrong, f"there is no ONNX file {name}"]


class OnnxSource(TakesRows):
    """An ONNX model whose feature is one of its outputs or inner values.

    A feature is a matrix, states of tokens (averaged over the mask), or a feature map (averaged).
    A graph of a fixed number of rows or tokens gets padded batches; one whose rows change each
    other in a batch gets one row at a time; one that takes uint8 gets pixels from 0 to 255.

    Args:
        name: Path of the file.
        modality: Modality of the rows.
        model_input: Input of the model.
        output: Name of an output or of a value in the graph; by default the only output.
        layout: Order of an image's axes, ``"nchw"`` or ``"nhwc"``; by default as the graph states it,
            else ``"nchw"``.
        channels: ``"rgb"`` or ``"bgr"``; mean and std are always in the order of RGB.
        axes: Order of the axes of the output: ``"nchw"`` or ``"nhwc"`` for a map, ``"ntc"`` or ``"nct"`` for
            tokens or positions in one row; by default as its shape shows it.
        inputs: By name of an input: ``"image"``, ``"input_ids"``, ``"attention_mask"``,
            ``"token_type_ids"`` or ``"position_ids"``, or a constant; needed where names do not tell.

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
        layout: Layout | None = None,
        channels: Literal["rgb", "bgr"] = "rgb",
        axes: Axes | None = None,
        inputs: Mapping[str, str | int | float | bool | list[Any]] | None = None,
    ) -> None:
        for option, value, allowed in (
            ("layout", layout, get_args(Layout)),
            ("channels", channels, ("rgb", "bgr")),
            ("axes", axes, get_args(Axes)),
        ):
            if value is not None and value not in allowed:
                raise SourceError(f"{option} must be {' or '.join(allowed)}, not {value!r}")
        path = Path(name).expanduser()
        graph = read_graph(path)
        self.input = custom_input(model_input, modality=modality, where="teachers.input")
        self.parameters: int | None = sum(int(np.prod(t.dims)) for t in graph.graph.initializer)
        self._path = path
        files = [path, *external_files(graph, path)]
        self._output, self._model = reach(graph, path, output)
        self._session = self._open(["CPUExecutionProvider"])
        self._inputs = GraphInputs(self._session.get_inputs(), inputs or {}, path=path)
        self._channels = channels
        self._layout: Layout = "nchw"
        if modality == "image":
            self._layout = self._checked_image(layout, model_input or {})
        else:
            self._fit_tokens(model_input or {})
        self._axes = axes
        self.width = self._find_width()
        alone = self._inputs.batch is None and self._mixes_rows()
        if alone:
            self._inputs.batch = 1
        self._identity = {
            "scheme": "onnx",
            "weights": files_digest(files),
            "features": self._output,
            "layout": f"{self._layout} {channels}",
            **self._unusual(inputs),
            **({"rows": "alone"} if alone else {}),
            **self.input.identity(),
        }

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
        features, mask = self._run(batch)
        match self._axes:
            case "nchw" | "nhwc":
                return features.mean((2, 3) if self._axes == "nchw" else (1, 2))
            case "ntc" | "nct":
                states = features if self._axes == "ntc" else features.transpose(1, 2)
                return masked_mean(states, mask)
        return features

    def _run(self, batch: Mapping[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        """Return what the graph gives for a batch, and the mask of its tokens."""
        ready = dict(self.input.finish(batch, dtype=torch.float32))
        if "image" in ready:
            image = batch["image"] if self._inputs.pixels else ready["image"]
            image = image.flip(1) if self._channels == "bgr" else image
            ready = {"image": image if self._layout == "nchw" else image.permute(0, 2, 3, 1)}
        elif self._inputs.tokens is not None:
            ready = {name: self._padded(name, value) for name, value in ready.items()}
        feeds = self._inputs.feeds(ready)
        rows = len(next(iter(ready.values())))
        pieces = [
            self._session.run(
                [self._output],
                {name: values[at] for name, values in feeds.items()} | self._inputs.constants,
            )[0]
            for at in self._cut(rows)
        ]
        mask = ready.get("attention_mask")
        features = torch.from_numpy(np.concatenate(pieces)[:rows])
        # What float32 would round is rounded where features are stored, which says so.
        features = features.double() if features.dtype in _WIDE else features.float()
        return features, None if mask is None else mask.cpu()

    def _cut(self, rows: int) -> Iterator[Shaped[np.ndarray, "rows"]]:
        """Yield the rows of each run; a graph of a fixed batch gets the last row again and again."""
        size = self._inputs.batch or rows
        for start in range(0, rows, size):
            yield np.minimum(np.arange(start, start + size), rows - 1)

    def _padded(self, name: str, value: Tensor) -> Tensor:
        tokens = self._inputs.tokens or value.shape[1]
        fill = 0
        if name == "input_ids" and isinstance(self.input, TextInput):
            fill = padding_id(self.input.tokenizer, vocabulary=self.input.vocabulary)
        return torch.nn.functional.pad(value, (0, tokens - value.shape[1]), value=fill)

    def _checked_image(self, layout: Layout | None, settings: Mapping[str, Any]) -> Layout:
        """Return the order of an image's axes, after checking it and the size against the graph."""
        shape = self._inputs.image
        stated = image_layout(shape)
        if layout is not None and stated not in (None, layout):
            raise SourceError(
                f"{self._path} takes images of shape {shape}, which is layout = {stated!r}, not {layout!r}; "
                "leave teachers.params.layout out"
            )
        layout = layout or stated or "nchw"
        if len(shape) == 4:
            sides = shape[2:] if layout == "nchw" else shape[1:3]
            size = settings.get("image_size")
            if any(isinstance(side, int) and side not in (0, size) for side in sides):
                raise SourceError(
                    f"{self._path} takes images of {sides[0]} x {sides[1]} pixels, but "
                    f"teachers.input.image_size = {size}; set it to {sides[0]}"
                )
        usual = ImageInput.from_options(1)
        set_anyway = [
            name
            for name in ("mean", "std")
            if tuple(settings.get(name) or getattr(usual, name)) != getattr(usual, name)
        ]
        if self._inputs.pixels and set_anyway:
            raise SourceError(
                f"{self._path} takes pixels from 0 to 255 (uint8) and normalizes them itself; leave "
                f"teachers.input.{set_anyway[0]} out"
            )
        return layout

    def _fit_tokens(self, settings: Mapping[str, Any]) -> None:
        """Cut texts to the number of tokens that the graph is fixed to."""
        tokens = self._inputs.tokens
        if tokens is None or not isinstance(self.input, TextInput):
            return
        if settings.get("max_length") is None and self.input.max_length > tokens:
            self.input = replace(self.input, max_length=tokens)
        if self.input.max_length > tokens:
            raise SourceError(
                f"{self._path} takes {tokens} tokens, but teachers.input.max_length = "
                f"{self.input.max_length}; set it to {tokens}, or leave it out"
            )

    def _unusual(self, inputs: Mapping[str, Any] | None) -> dict[str, str]:
        """Return what decides the features besides file, output and input, where it is not usual."""
        axes = {} if self._axes in (None, "ntc", self._layout) else {"axes": str(self._axes)}
        return axes | ({"inputs": json.dumps(inputs, sort_keys=True)} if inputs else {})

    def _open(self, providers: list[Any]) -> Any:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = torch.get_num_threads()
        content = str(self._path) if self._model is None else self._model.SerializeToString()
        try:
            return onnxruntime.InferenceSession(content, options, providers=providers)
        except Exception as error:
            raise SourceError(
                f"ONNX Runtime cannot run {self._path}: {whole_message(error)}"
            ) from error

    def _find_width(self) -> int:
        """Return the width of the features of one row, and learn the order of their axes."""
        try:
            features, mask = self._run(empty_batch(self.input))
        except TutelageError:
            raise
        except Exception as error:
            raise SourceError(
                f"{self._path} cannot be called with the input that teachers.input "
                f"describes: {whole_message(error)}"
            ) from error
        shape = tuple(features.shape)
        if features.ndim in (3, 4):
            tokens = None if mask is None else mask.shape[1]
            self._axes = self._axes or axes_of(shape, tokens=tokens)
        if features.ndim == 4 and self._axes is None:
            raise SourceError(
                f"{self._output!r} of {self._path} is a map of shape {shape} for one row, which does not show "
                "which axis holds the channels; set teachers.params.axes to 'nchw' or 'nhwc'"
            )
        expected = 2 if self._axes is None else len(self._axes)
        if features.ndim != expected or len(features) != 1:
            raise SourceError(
                f"{self._output!r} of {self._path} has shape {shape} for one row"
                + (f", which is not {self._axes!r}" if self._axes else "")
                + "; choose another output"
            )
        return shape[(self._axes or "nc").index("c")]

    def _mixes_rows(self) -> bool:
        """Whether two rows together give anything else than each alone.

        Many graphs state any number of rows, but hold a shape of one row inside (onnx/models#255,
        pytorch/glow#2247).
        """
        one, other = unlike_batches(self.input)
        if "image" in one:
            other = dict(empty_batch(self.input))  # black
        else:  # two texts of one length, so that none is padded
            tokens = min(batch["input_ids"].shape[1] for batch in (one, other))
            one, other = ({n: b[n][:, :tokens] for n in b} for b in (one, other))
        alone = torch.cat([self.encode(one), self.encode(other)])
        try:
            both = self.encode({name: torch.cat([one[name], other[name]]) for name in one})
        except Exception:  # noqa: BLE001 - of ONNX Runtime, which has no base class of its own
            return True
        # Quantization by the range of a whole batch differs by a few percent.
        return both.shape != alone.shape or bool((both - alone).norm() > 0.1 * alone.norm())
