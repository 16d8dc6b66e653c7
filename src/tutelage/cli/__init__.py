"""The command ``tutelage``: verbs only, everything else lies below."""

from tutelage.cli.app import app, main

__all__ = ["app", "main"]
