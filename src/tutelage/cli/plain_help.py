"""Commands whose help shows metavars only, without Python types such as ``<bool>``."""

from typing import Any

from typer.core import TyperArgument, TyperCommand, TyperGroup

__all__ = ["Command", "Group"]


class Command(TyperCommand):
    """A command with plain help."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, their types hidden."""
        return _without_types(super().get_params(ctx))


class Group(TyperGroup):
    """A command with subcommands and plain help."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the parameters, their types hidden."""
        return _without_types(super().get_params(ctx))


def _without_types(params: list[Any]) -> list[Any]:
    """Hide the types. Typer has no option for it; where its names change, the types reappear."""
    for param in params:
        if isinstance(param, TyperArgument):
            param.display_type_rich = lambda ctx: None  # type: ignore[method-assign]
        elif param.metavar is None:
            param.metavar = ""
    return params
