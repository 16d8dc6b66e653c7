"""The base class of all config sections, and the annotations that their fields share."""

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator
from pydantic_core import PydanticCustomError

__all__ = [
    "FolderPath",
    "NoEffect",
    "Positive",
    "Section",
    "Share",
    "without_password",
]


class NoEffect:
    """Marks a setting that decides no number of a run, in ``Annotated[int, NoEffect]``.

    Such a setting may differ when a run is resumed, and two runs that differ in nothing else are
    the same training. Everything that is not marked decides numbers.
    """


Positive = Annotated[int, Field(gt=0)]
Share = Annotated[float, Field(gt=0, lt=1)]


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"{path}: {error}") from None


FolderPath = Annotated[Path, AfterValidator(_at_home)]


def without_password(url: str, *, advice: str) -> str:
    """Return a URL that holds no password, which every run would write into its files.

    Args:
        url: The URL, or a path.
        advice: What to do instead.

    Raises:
        ValueError: If it holds one.

    Example:
        >>> without_password("postgresql://me@host/name", advice="use ~/.pgpass")
        'postgresql://me@host/name'
    """
    try:
        held = "://" in url and urlsplit(url).password
    except ValueError:  # the library that opens it tells what is wrong with it
        return url
    if held:
        raise ValueError(
            f"the URL holds a password, which every run would write into its files; leave it out, and "
            f"{advice}"
        )
    return url


class Section(BaseModel):
    """A frozen part of the config.

    Unknown keys are refused, and as numbers true, false, infinity and NaN, which TOML has.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_values_as_numbers(cls, value: object, info: Any) -> object:
        """Python counts True as 1, so that ``epochs = true`` would be one epoch."""
        if _holds_truth_value(value):
            whole = cls.model_fields[info.field_name].annotation
            kinds = set(_kinds_in(whole, inside=isinstance(value, Collection)))
            if kinds & {int, float} and not kinds & {bool, Any}:
                raise PydanticCustomError(
                    "number_expected", "Input should be a number, not true or false"
                )
        return value

    @classmethod
    def deciding(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings of a table that decide numbers: all that are not ``NoEffect``.

        Args:
            table: This section as JSON or TOML has it; keys that the schema does not know stay.
        """
        settings = {}
        for key, value in table.items():
            field = cls.model_fields.get(key)
            if field is None:
                settings[key] = value
            elif NoEffect not in field.metadata:
                settings[key] = _deciding(_section_in(field.annotation), value)
        return settings


def _deciding(section: type[Section] | None, value: Any) -> Any:
    match value:
        case Mapping() if section is not None:
            return section.deciding(value)
        case list() | tuple() if section is not None:
            return [_deciding(section, entry) for entry in value]
        case _:
            return value


def _kinds_in(annotation: Any, *, inside: bool) -> Iterator[Any]:
    """The types that an annotation such as ``float | None`` takes, or those inside of collections."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        yield from map(type, parts)
    elif origin is Annotated:
        yield from _kinds_in(parts[0], inside=inside)
    elif origin in (Union, UnionType) or (parts and inside):
        for part in parts:
            yield from _kinds_in(part, inside=inside)
    else:
        yield annotation


def _holds_truth_value(value: object) -> bool:
    match value:
        case str():
            return False
        case Mapping():
            return any(map(_holds_truth_value, value.values()))
        case Collection():
            return any(map(_holds_truth_value, value))
        case _:
            return type(value).__name__ in ("bool", "bool_")  # numpy's, too


def _section_in(annotation: Any) -> type[Section] | None:
    """The section that an annotation such as ``tuple[TeacherConfig, ...]`` holds, if any."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)
