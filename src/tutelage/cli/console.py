"""Standard output and standard error of the command; names are printed without markup."""

from rich.console import Console

__all__ = ["err", "out"]

out = Console(markup=False, emoji=False, highlight=False)
err = Console(markup=False, emoji=False, highlight=False, stderr=True)
