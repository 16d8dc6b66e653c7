"""Standard output and standard error of the command; names are printed without markup."""

import re
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

__all__ = ["err", "out"]

_COMMANDS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
"""Characters that a terminal obeys instead of showing them, but for line ends and tabs."""


class _Plain(Console):
    """A console that shows the control characters in names of files, rows and classes.

    A terminal would obey them: clear the screen, rename the window, write over what was said.
    """

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or not _COMMANDS.search(segment.text):
                yield segment
            else:
                yield Segment(_COMMANDS.sub(_shown, segment.text), segment.style)


def _shown(character: re.Match[str]) -> str:
    return ascii(character[0])[1:-1]


out = _Plain(markup=False, emoji=False, highlight=False)
err = _Plain(markup=False, emoji=False, highlight=False, stderr=True)
