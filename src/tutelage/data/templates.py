"""Templates: the words around a row's texts, as in ``"Question: {question}\\nAnswer:"``."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.errors import ConfigError
from tutelage.inputs import Prompt

__all__ = ["Template"]

_PARTS = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


@dataclass(frozen=True)
class Template:
    """Literals with the names of columns between them.

    Attributes:
        literals: In front of each column, and behind the last.
        columns: Their names, in the template's order; one may stand in it several times.
    """

    literals: tuple[str, ...]
    columns: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "Template":
        """Read a template: columns' names in braces; ``{{`` and ``}}`` are braces themselves.

        Raises:
            ConfigError: If a brace has no partner or no name, or there is no column.

        Example:
            >>> Template.parse("{a} and {{b}}: {c}")
            Template(literals=('', ' and {b}: ', ''), columns=('a', 'c'))
        """
        literals, columns, place = [""], [], 0
        for found in _PARTS.finditer(text):
            literals[-1] += text[place : found.start()]
            place = found.end()
            name = found[1]
            if name:
                columns.append(name)
                literals.append("")
            elif name is None and len(found[0]) == 2:
                literals[-1] += found[0][0]
            else:
                what = (
                    "braces without a column's name" if name == "" else "a brace without a partner"
                )
                raise ConfigError(
                    f"data.template has {what} at character {found.start() + 1}: "
                    f"{text[max(0, found.start() - 20) : found.end() + 20]!r}; write {{column}}, and "
                    "{{ or }} for a brace itself"
                )
        literals[-1] += text[place:]
        if not columns:
            raise ConfigError(
                f"data.template = {text!r} names no column; write one as {{column}}, as in "
                "'Review: {text}'"
            )
        return cls(tuple(literals), tuple(columns))

    def filled(self, values: Sequence[str]) -> Prompt:
        """Put one value in the place of each column."""
        return Prompt(self.literals, tuple(values))
