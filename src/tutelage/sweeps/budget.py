"""How much a search may cost: a number of runs, or a time."""

import re
from dataclasses import dataclass
from typing import Self

from tutelage.errors import ConfigError

__all__ = ["Budget"]

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}


@dataclass(frozen=True)
class Budget:
    """A number of runs, or a time; exactly one of the two.

    Attributes:
        text: As it was given.
        runs: Students that may be trained.
        seconds: Wall time.
    """

    text: str
    runs: int | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``"40"`` as runs; ``"90s"``, ``"30m"`` and ``"1.5h"`` as times.

        Raises:
            ConfigError: If it is neither, or nothing.

        Example:
            >>> Budget.parse("1.5h").seconds
            5400.0
        """
        if found := re.fullmatch(r"\s*(\d+)\s*(?:runs?)?\s*", text):
            runs = int(found[1])
            if runs > 0:
                return cls(text, runs=runs)
        elif found := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smh])\s*", text):
            seconds = float(found[1]) * _UNITS[found[2]]
            if seconds > 0:
                return cls(text, seconds=seconds)
        raise ConfigError(
            f"budget {text!r} is neither a number of runs, such as 40, nor a time, such as 90s, 30m or "
            "1.5h"
        )

    @property
    def limit(self) -> float:
        """The budget as a number: of runs, or of seconds."""
        return float(self.runs if self.runs is not None else self.seconds or 0.0)

    @property
    def counts_time(self) -> bool:
        """Whether it is a time."""
        return self.seconds is not None
