"""Griffe extension: the section ``Example:`` of a docstring is code, as ``Examples:`` is."""

from typing import Any

from griffe import Extension, Object

__all__ = ["Examples"]


class Examples(Extension):
    """Rename the section before docstrings are parsed."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Rename the section in the docstring of one object."""
        if obj.docstring is not None:
            obj.docstring.value = obj.docstring.value.replace("\nExample:\n", "\nExamples:\n")
