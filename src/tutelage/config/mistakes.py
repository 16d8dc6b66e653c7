"""All mistakes of a config in one message, each with its path and the closest known key."""

import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tutelage.errors import did_you_mean

__all__ = ["all_mistakes"]

KIND = re.compile(r"constrained-\w+|literal\[.*\]|dict\[.*\]|str|int|float|bool|none")
"""What pydantic adds to the path of a setting that takes values of several kinds."""


def all_mistakes(error: ValidationError, schema: type[BaseModel]) -> str:
    """Return one line for each mistake that pydantic found.

    Args:
        error: The failed validation.
        schema: The model that was validated; its keys are offered in place of unknown ones.
    """
    lines: dict[str, str] = {}
    for mistake in error.errors():
        path = ".".join(str(part) for part in mistake["loc"] if not KIND.fullmatch(str(part)))
        match mistake["type"]:
            case "extra_forbidden":
                known = _keys_at(mistake["loc"][:-1], schema)
                hint = did_you_mean(str(mistake["loc"][-1]), known)
                lines[f"unknown {path}"] = (
                    f"unknown setting {path}{hint or ' (there are: ' + ', '.join(known) + ')'}"
                )
            case "missing":
                lines[f"missing {path}"] = f"setting {path} is missing"
            case "value_error":
                message = mistake["msg"].removeprefix("Value error, ")
                lines[f"{path}: {message}"] = f"{path}: {message}" if path else message
            case _:
                given = f"{path} = {mistake['input']!r}"
                what = f"{mistake['msg'][0].lower()}{mistake['msg'][1:]}"
                if given in lines:  # of another kind that the setting takes
                    lines[given] += f", or {what.removeprefix('input should be ')}"
                else:
                    lines[given] = f"{given}: {what}"
    return "\n".join(lines.values())


def _keys_at(location: tuple[int | str, ...], schema: type[BaseModel]) -> list[str]:
    """The keys that a section of the schema knows."""
    model: Any = schema
    for part in location:
        if isinstance(part, int):
            continue
        annotation = model.model_fields[part].annotation
        while get_origin(annotation) is not None or not isinstance(annotation, type):
            annotation = next(a for a in get_args(annotation) if a is not type(None))
        model = annotation
    return list(model.model_fields) if issubclass(model, BaseModel) else []
