"""Characters that a terminal cannot print, and paths that are no text."""

import codecs
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from tutelage.errors import ConfigError
from tutelage.files import advice_on_names

__all__ = ["print_to_any_terminal", "refuse_paths_that_are_no_text"]

SPELLED = {"±": "+-", "×": "x", "…": "...", "→": "->"}


def print_to_any_terminal() -> None:
    r"""Let output take characters that its encoding lacks: spelled out, or in the form ``\xe9``.

    A terminal or pipe may be ASCII (``PYTHONIOENCODING``, an old locale) or a code page of Windows; a
    class named ``café`` is no reason to end a run.
    """
    codecs.register_error("tutelage.spelled", _spell)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="tutelage.spelled")


def refuse_paths_that_are_no_text(words: Sequence[str]) -> None:
    """Refuse arguments and a current folder whose bytes are not UTF-8.

    They could not be written into a config or a result, which are UTF-8.

    Raises:
        ConfigError: If there is one.
    """
    try:
        here = str(Path.cwd())
    except FileNotFoundError:
        raise ConfigError("the current folder was removed; go to another one") from None
    for what, path in [*(("the argument", word) for word in words), ("the folder", here)]:
        try:
            path.encode()
        except UnicodeEncodeError:
            raise ConfigError(
                f"{what} {os.fsencode(path)!r} is not UTF-8, as configs and results are; "
                f"{advice_on_names()}"
            ) from None


def _spell(error: UnicodeError) -> tuple[str | bytes, int]:
    if isinstance(error, UnicodeEncodeError) and error.object[error.start] in SPELLED:
        return SPELLED[error.object[error.start]], error.start + 1
    if isinstance(error, UnicodeEncodeError):
        error.end = error.start + 1
    return codecs.backslashreplace_errors(error)
