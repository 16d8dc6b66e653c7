"""Commands that several processes of a launcher can share."""

import os
import time
from typing import Any

from tutelage.cli.plain_help import Group
from tutelage.errors import ConfigError

__all__ = ["Launched", "launched_processes", "let_the_first_speak", "refuse_several_processes"]

SHARED = ("extract", "train")
"""Commands whose work the processes of a job divide."""
OTHER = ("tune", "compare", "study", "doctor", "list")
"""Commands that refuse several processes themselves, with advice of their own, or only print."""

UNTIL_ENDED = 3.0
"""Seconds in which a launcher ends its other processes once one has failed."""


def launched_processes() -> int:
    """Return how many processes a launcher started with this one; 1 without a launcher.

    A scheduler may set ``WORLD_SIZE`` for all that is started in its job, a launcher ``LOCAL_RANK``, too.
    """
    return int(os.environ.get("WORLD_SIZE") or 1) if "LOCAL_RANK" in os.environ else 1


def let_the_first_speak() -> str:
    """Wait before an error is printed, unless this is the first process of a launcher, or the only one.

    All processes make the same mistake, and print the same, where the launcher does not end them before.

    Returns:
        What the message begins with: the number of the process, but of the first.
    """
    number = os.environ.get("RANK", "0")
    if launched_processes() == 1 or number == "0":
        return ""
    time.sleep(UNTIL_ENDED)
    return f"process {number}: "


def refuse_several_processes(command: str | None) -> None:
    """Refuse a command that each process of ``torchrun`` or ``accelerate launch`` would do whole.

    They would compute the same, and write the same files at the same time.

    Args:
        command: Name of the command; None where only options such as ``--version`` are given.

    Raises:
        ConfigError: If there are several processes, and the command does not share its work.
    """
    count = launched_processes()
    if command is None or count == 1 or command in SHARED + OTHER:
        return
    raise ConfigError(
        f"'tutelage {command}' is the work of one process, and was started in several (WORLD_SIZE = "
        f"{count}): start it without torchrun or accelerate launch, which are for 'tutelage train' and "
        "'tutelage extract'"
    )


class Launched(Group):
    """The commands, each refused where several processes of a launcher cannot share it."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that the first word names."""
        name, command, rest = super().resolve_command(ctx, args)
        refuse_several_processes(name)
        return name, command, rest
