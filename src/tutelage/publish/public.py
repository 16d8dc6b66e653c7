"""What of a run may leave the machine: its result without the folders and accounts of this machine."""

import re
import shlex
from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from tutelage.config import OutputConfig
from tutelage.results.result import Result

__all__ = ["public_result", "public_source"]

_SCHEME = re.compile(r"([a-z][a-z-]+:)?(.*)", re.DOTALL)
_ASSIGNED = re.compile(r"(-+[\w-]+=|[\w.]+=)?(.*)", re.DOTALL)
_JOINED = re.compile(r"(\s*\+\s*)")


def public_result(result: Result) -> Result:
    """Return a result without what tells of this machine.

    Of absolute paths, of those in a home folder and of those that lead upwards the last name is kept;
    of web addresses, neither account nor query. Settings of cache, output, searches and comparisons are
    left out, and so are the digests of files that are not the student's. Classes, columns and
    templates, on which the student's inputs depend, are as they were.

    Args:
        result: The result of a finished run.
    """
    config = {
        name: section
        for name, section in result.config.items()
        if name not in ("cache", "output", "tune", "compare")
    }
    config["output"] = {"dir": OutputConfig().dir.as_posix()}
    config["data"] = _public_data(config["data"])
    for name in ("student", "teachers", "transfer"):
        if name in config:
            config[name] = _public(config[name])
    return result.model_copy(
        update={
            "config": config,
            "student": result.student.model_copy(
                update={"source": public_source(result.student.source)}
            ),
            "teachers": [
                one.model_copy(update={"source": public_source(one.source)})
                for one in result.teachers
            ],
            "command": shlex.join(map(_public_word, shlex.split(result.command))),
            "files": {
                name: digest for name, digest in result.files.items() if name.startswith("student/")
            },
        }
    )


def public_source(source: str) -> str:
    """Return a source string without the folders of this machine.

    Example:
        >>> public_source("folder:/home/ada/secret/flowers"), public_source("folder:data/flowers")
        ('folder:flowers', 'folder:data/flowers')
        >>> public_source("timm:resnet18 + hf:~/models/bert")
        'timm:resnet18 + hf:bert'
        >>> public_source("table:https://ada:pass@example.org/a.csv?key=1")
        'table:https://example.org/a.csv'
    """
    return "".join(_public_part(part) for part in _JOINED.split(source))


def _public_part(part: str) -> str:
    scheme, rest = _SCHEME.fullmatch(part).groups(default="")  # type: ignore[union-attr]
    if "://" in part:
        if rest.startswith("//"):  # the scheme is that of the address
            scheme, rest = "", part
        return scheme + _public_address(rest)
    return scheme + ":".join(map(_public_path, _pieces(rest)))


def _pieces(rest: str) -> list[str]:
    """Parts between colons; the letter of a Windows drive stays with its path."""
    return re.split(r"(?<!^[A-Za-z]):", rest)


def _public_path(path: str) -> str:
    windows = PureWindowsPath(path)
    private = path.startswith(("/", "~")) or windows.drive or ".." in windows.parts
    if not private:
        return path
    return windows.name if "\\" in path else PurePosixPath(path).name


def _public_address(address: str) -> str:
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _public_data(data: Mapping[str, Any]) -> dict[str, Any]:
    kept = dict(data)
    for name in ("source", "unlabelled", "params", "unlabelled_params"):
        if name in kept:
            kept[name] = _public(kept[name])
    return kept


def _public(value: Any) -> Any:
    match value:
        case str():
            return public_source(value)
        case dict():
            return {name: _public(one) for name, one in value.items()}
        case list() | tuple():
            return [_public(one) for one in value]
    return value


def _public_word(word: str) -> str:
    """A word of a command: what follows the first ``=`` of an option or a setting is a source."""
    name, value = _ASSIGNED.fullmatch(word).groups(default="")  # type: ignore[union-attr]
    return name + public_source(value)
