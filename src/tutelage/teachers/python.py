"""Teachers returned by a user's function."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tutelage.data.base import Side
from tutelage.errors import SourceError
from tutelage.inputs import custom_input
from tutelage.registry import call_user_factory, naming_user_code
from tutelage.teachers.base import Source
from tutelage.teachers.module import ModuleEncoder, refuse_modality

__all__ = ["open_python"]

MEMBERS = {
    "encode": ("identity", "width", "modality", "prepare", "cost", "collate", "to", "encode"),
    "read": ("identity", "width", "read"),
}


def open_python(
    name: str,
    *,
    modality: Side,
    model_input: Mapping[str, Any] | None,
    factory_params: Mapping[str, Any],
) -> Source:
    """Call ``module:factory`` and use the module or teacher that it returns.

    A module is called with the batch of images, or with the tokenizer's tensors by name, and
    returns features ``[batch, width]``. Its identity is its name, params and weights: a change of
    its code alone is not noticed, so delete its cached features after one.

    Args:
        name: ``package.module:factory``; the module may be in the current folder.
        modality: Modality of the rows.
        model_input: Input of a module.
        factory_params: Params of the factory.

    Raises:
        ConfigError: If there is no such factory, it does not take the params, or the input is not
            described.
        SourceError: If it raises or returns something else, or its features are not a matrix.
    """
    returned = call_user_factory(
        name, {}, factory_params, where="teachers.params", kind=SourceError
    )
    if isinstance(returned, nn.Module):
        module = returned
        return ModuleEncoder(
            module,
            custom_input(model_input, modality=modality, where="teachers.input"),
            features=_Guarded(name, lambda ready: _call(module, ready)),
            identity={
                "scheme": "python",
                "factory": name,
                "params": json.dumps(factory_params, sort_keys=True, default=str),
            },
        )
    kind = "read" if hasattr(returned, "read") else "encode"
    missing = [member for member in MEMBERS[kind] if not hasattr(returned, member)]
    if missing:
        raise SourceError(
            f"python:{name} returned {type(returned).__name__}, which is no torch.nn.Module and, as a "
            f"custom teacher, has no {', '.join(missing)}; see tutelage.teachers.Encoder"
        )
    if kind == "encode":
        refuse_modality(
            f"python:{name}", returned.modality, rows=modality, instead="choose another"
        )
    teacher: Any = _CustomTeacher(name, returned, MEMBERS[kind])
    width, identity = teacher.width, teacher.identity()
    if not isinstance(width, int) or width < 1:
        raise SourceError(f"the width of python:{name} is {width!r}; it must be a number above 0")
    if not isinstance(identity, Mapping) or not all(
        isinstance(text, str) for pair in identity.items() for text in pair
    ):
        raise SourceError(
            f"identity() of python:{name} gave {identity!r}; it must give strings by name"
        )
    opened: Source = teacher
    return opened


@dataclass(frozen=True)
class _Guarded:
    """A function whose errors name the factory; a class, so that it can be pickled for workers."""

    name: str
    function: Callable[..., Any]

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        with naming_user_code(self.name, kind=SourceError):
            return self.function(*arguments, **named)


class _CustomTeacher:
    """A user's teacher with guarded functions."""

    def __init__(self, name: str, teacher: Any, members: tuple[str, ...]) -> None:
        count = getattr(teacher, "parameters", None)
        self.parameters = count if isinstance(count, int) else None
        for member in members:
            part = getattr(teacher, member)
            setattr(self, member, _Guarded(name, part) if callable(part) else part)


def _call(module: nn.Module, ready: Mapping[str, Tensor]) -> Tensor:
    with torch.inference_mode():
        features: Tensor = module(ready["image"]) if "image" in ready else module(**ready)
    return features
