"""Commands as a shell takes them, to be shown and pasted."""

import os
import shlex
import subprocess

__all__ = ["command_line", "started_by"]


def command_line(*words: object) -> str:
    """Return words as one line of the shell; those with blanks and the like are quoted.

    Example:
        >>> command_line("tutelage", "train", "my run #1/config.toml")
        "tutelage train 'my run #1/config.toml'"
    """
    texts = [str(word) for word in words]
    return subprocess.list2cmdline(texts) if os.name == "nt" else shlex.join(texts)


def started_by(processes: int) -> list[str]:
    """Return the words that start tutelage in so many processes on one machine.

    Example:
        >>> command_line(*started_by(2), "train", "config.toml")
        'torchrun --nproc-per-node 2 -m tutelage train config.toml'
    """
    several = ["torchrun", "--nproc-per-node", str(processes), "-m"]
    return [*(several if processes > 1 else []), "tutelage"]
