"""The inputs of an ONNX graph, filled from a batch of rows and from constants."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped
from torch import Tensor

from tutelage.errors import SourceError, did_you_mean

__all__ = ["GraphInputs"]

TYPES = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
    "tensor(double)": np.float64,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(uint8)": np.uint8,
    "tensor(bool)": np.bool_,
}
KNOWN_AS = {
    "input_ids": ("ids", "input_word_ids", "tokens"),
    "attention_mask": ("input_mask", "mask"),
    "token_type_ids": ("segment_ids", "input_type_ids"),
}
"""Other names of what a tokenizer gives."""


class GraphInputs:
    """What a graph takes, and from where.

    Args:
        inputs: The inputs as ONNX Runtime describes them: name, shape and type.
        given: By name of an input: the name of the tensor of the rows (``"image"``, ``"input_ids"``,
            ``"attention_mask"``, ``"token_type_ids"``, ``"position_ids"``), or a constant.
        path: The file, for messages.

    Attributes:
        batch: Number of rows that the graph is fixed to; None if it takes any.
        tokens: Number of tokens that the graph is fixed to; None if it takes any.
        image: Shape of the input that takes the images, where there is one.
        pixels: Whether the images are read as whole numbers from 0 to 255.
        constants: Inputs that are the same for all rows, by name.

    Raises:
        SourceError: If ``given`` names an input that there is not.
    """

    def __init__(self, inputs: Sequence[Any], given: Mapping[str, Any], *, path: Path) -> None:
        names = [one.name for one in inputs]
        for name in given:
            if name not in names:
                raise SourceError(
                    f"teachers.params.inputs.{name}: {path} has no such input"
                    f"{did_you_mean(name, names)}; it takes {_described(inputs)}"
                )
        self._inputs, self._given, self._path = inputs, given, path
        rows = [one for one in inputs if not _is_constant(given.get(one.name))]
        images = [one for one in rows if given.get(one.name) == "image"] or [
            one for one in rows if len(one.shape) == 4 or len(rows) == 1
        ]
        texts = [one for one in rows if len(one.shape) == 2]
        self.batch = next((n for one in rows for n in one.shape[:1] if _is_fixed(n)), None)
        self.tokens = next((one.shape[1] for one in texts if _is_fixed(one.shape[1])), None)
        self.image: list[Any] = images[0].shape if images else []
        self.pixels = bool(images) and images[0].type == "tensor(uint8)"
        self._image = images[0].name if images else None
        self.constants: dict[str, Shaped[np.ndarray, ...]] = {}
        for one in inputs:
            if _is_constant(given.get(one.name)):
                constant = np.asarray(given[one.name], self._type(one))
                if constant.ndim == len(one.shape):
                    self.constants[one.name] = constant

    def feeds(self, ready: Mapping[str, Tensor]) -> dict[str, Shaped[np.ndarray, "..."]]:
        """Return the arrays of a finished batch, one entry a row, by the names of the inputs.

        Raises:
            SourceError: If an input is not among what the rows give.
        """
        ready = _with_defaults(ready)
        rows = len(next(iter(ready.values())))
        return {
            one.name: self._fill(one, ready, rows)
            for one in self._inputs
            if one.name not in self.constants
        }

    def _fill(self, one: Any, ready: Mapping[str, Tensor], rows: int) -> Shaped[np.ndarray, "..."]:
        wanted = self._given.get(one.name, one.name)
        if _is_constant(wanted):
            return np.stack([np.asarray(wanted, self._type(one))] * rows)
        names = (wanted, *(known for known, others in KNOWN_AS.items() if wanted in others))
        if one.name == self._image and "image" in ready:
            names = ("image",)
        name = next((name for name in names if name in ready), None)
        if name is None:
            raise SourceError(
                f"{self._path} takes {_described(self._inputs)}, and it is not known what {one.name!r} is; "
                f"set teachers.params.inputs.{one.name} to what the rows give ({', '.join(ready)}) or to a "
                "number"
            )
        return np.ascontiguousarray(ready[name].cpu().numpy(), self._type(one))

    def _type(self, one: Any) -> Any:
        if one.type not in TYPES:
            raise SourceError(
                f"{self._path} takes {one.name!r} as {one.type}; known are {', '.join(TYPES)}"
            )
        return TYPES[one.type]


def _with_defaults(ready: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Add what a graph may take besides what the tokenizer gives."""
    if "input_ids" not in ready:
        return dict(ready)
    ids = ready["input_ids"]
    positions = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
    return {"token_type_ids": torch.zeros_like(ids), "position_ids": positions, **ready}


def _is_constant(given: object) -> bool:
    return given is not None and not isinstance(given, str)


def _is_fixed(size: object) -> bool:
    return isinstance(size, int) and size > 0


def _described(inputs: Sequence[Any]) -> str:
    return ", ".join(f"{one.name} {list(one.shape)} {one.type}" for one in inputs)
