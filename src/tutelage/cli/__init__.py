"""The command ``tutelage``: verbs only; the work is done by the other packages."""

from tutelage.cli.app import app, main

__all__ = ["app", "main"]
