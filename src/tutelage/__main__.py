"""The start of the command: the script ``tutelage``, and ``python -m tutelage`` for launchers of modules."""

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Load the command and run it; Ctrl-C ends it without a traceback while it is loaded, too."""
    try:
        from tutelage.cli import main as run_command

        run_command()
    except KeyboardInterrupt:
        if os.environ.get("RANK", "0") == "0":  # of several processes the first speaks
            sys.stderr.write("interrupted: repeat the command\n")
        sys.exit(130)  # as cli/interrupt.py, which may not be loaded yet


if __name__ == "__main__":
    main()
