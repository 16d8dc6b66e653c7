"""Teachers that a function of one's own makes."""

import json
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tutelage.datasets.base import Modality
from tutelage.errors import SourceError
from tutelage.inputs import own_input
from tutelage.registry import bind, import_object
from tutelage.sources.base import Source
from tutelage.sources.module import ModuleEncoder, refuse_modality

__all__ = ["open_python"]

MEMBERS = {
    "encode": ("identity", "width", "modality", "prepare", "cost", "collate", "to", "encode"),
    "read": ("identity", "width", "read"),
}


def open_python(
    name: str,
    *,
    modality: Modality,
    model_input: Mapping[str, Any] | None,
    own_params: Mapping[str, Any],
) -> Source:
    """Call ``module:factory`` and take the module, or the teacher, that it returns.

    A module is called with the batch of images, or with the tokenizer's tensors by name, and
    returns features ``[batch, width]``. Its identity is its name, its params and its weights: a
    change of its code alone is not seen, so delete its cached features after one.

    Args:
        name: ``package.module:factory``; a module in the current folder will do.
        modality: What the rows are.
        model_input: How a module's input looks.
        own_params: For the factory.

    Raises:
        ConfigError: If there is no such factory, it does not take the params, or it is not said
            how the input looks.
        SourceError: If it returns something else, or its features are not a matrix.
    """
    made = bind(import_object(name), {}, own_params, where="teachers.params")
    if isinstance(made, nn.Module):
        module = made
        return ModuleEncoder(
            module,
            own_input(model_input, modality=modality, where="teachers.input"),
            features=lambda ready: _call(module, ready),
            identity={
                "scheme": "python",
                "factory": name,
                "params": json.dumps(own_params, sort_keys=True, default=str),
            },
        )
    kind = "read" if hasattr(made, "read") else "encode"
    missing = [member for member in MEMBERS[kind] if not hasattr(made, member)]
    if missing:
        raise SourceError(
            f"python:{name} returned {type(made).__name__}, which is no torch.nn.Module and, as a "
            f"teacher of its own, has no {', '.join(missing)}; see tutelage.sources.Encoder"
        )
    if kind == "encode":
        refuse_modality(f"python:{name}", made.modality, rows=modality, instead="choose another")
    if not hasattr(made, "parameters"):
        made.parameters = None
    teacher: Source = made
    return teacher


def _call(module: nn.Module, ready: Mapping[str, Tensor]) -> Tensor:
    with torch.inference_mode():
        features: Tensor = module(ready["image"]) if "image" in ready else module(**ready)
    return features
