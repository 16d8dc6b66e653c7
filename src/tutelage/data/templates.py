"""Prompt templates with names of columns, as in ``"Question: {question}\\nAnswer:"``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.errors import ConfigError
from tutelage.inputs import Prompt

__all__ = ["Template"]

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Template:
    """Literal texts with the names of columns between them.

    Attributes:
        literals: Texts before each column, and after the last.
        columns: Names of the columns in the template's order; a name may repeat.
    """

    literals: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Parse a template: names of columns in braces; ``{{`` and ``}}`` are literal braces.

        Raises:
            ConfigError: If a brace has no partner or no name, or there is no column.

        Example:
            >>> Template.parse("{a} and {{b}}: {c}")
            Template(literals=('', ' and {b}: ', ''), columns=('a', 'c'))
        """
        literals, columns, end = [""], [], 0
        for part in _PARTS.finditer(text):
            literals[-1] += text[end : part.start()]
            end = part.end()
            name = part[1]
            if name:
                columns.append(name)
                literals.append("")
            elif name is None and len(part[0]) == 2:
                literals[-1] += part[0][0]
            else:
                problem = (
                    "braces without a column's name" if name == "" else "a brace without a partner"
                )
                raise ConfigError(
                    f"data.template has {problem} at character {part.start() + 1}: "
                    f"{text[max(0, part.start() - 20) : part.end() + 20]!r}; write {{column}}, and "
                    "{{ or }} for a brace itself"
                )
        literals[-1] += text[end:]
        if not columns:
            raise ConfigError(
                f"data.template = {text!r} names no column; write one as {{column}}, as in "
                "'Review: {text}'"
            )
        return cls(tuple(literals), tuple(columns))

    def filled(self, values: Sequence[str]) -> Prompt:
        """Return the prompt with one value per column."""
        return Prompt(self.literals, tuple(values))
