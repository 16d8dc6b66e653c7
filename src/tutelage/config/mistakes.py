"""All mistakes of a config in one message, each with its path and the closest known key."""

from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from tutelage.errors import did_you_mean

__all__ = ["all_mistakes"]


def all_mistakes(error: ValidationError, schema: type[BaseModel]) -> str:
    """Return one line for each mistake that pydantic found.

    Args:
        error: The failed validation.
        schema: The model that was validated; its keys are offered in place of unknown ones.
    """
    lines = []
    for mistake in error.errors():
        path = ".".join(str(part) for part in mistake["loc"])
        match mistake["type"]:
            case "extra_forbidden":
                known = _keys_at(mistake["loc"][:-1], schema)
                hint = did_you_mean(str(mistake["loc"][-1]), known)
                lines.append(
                    f"unknown setting {path}{hint or ' (there are: ' + ', '.join(known) + ')'}"
                )
            case "missing":
                lines.append(f"setting {path} is missing")
            case "value_error":
                message = mistake["msg"].removeprefix("Value error, ")
                lines.append(f"{path}: {message}" if path else message)
            case _:
                lines.append(
                    f"{path} = {mistake['input']!r}: {mistake['msg'][0].lower()}{mistake['msg'][1:]}"
                )
    return "\n".join(dict.fromkeys(lines))


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
