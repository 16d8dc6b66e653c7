"""``python -m tutelage``: the command, for launchers that start modules."""

from tutelage.cli import main

if __name__ == "__main__":
    main()
