"""The command's two outputs; what people called their files and teachers is shown as it is."""

from rich.console import Console

__all__ = ["err", "out"]

out = Console(markup=False, emoji=False, highlight=False)
err = Console(markup=False, emoji=False, highlight=False, stderr=True)
