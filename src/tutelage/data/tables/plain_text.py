"""Text files of one text a line, as rows without a label."""

from pathlib import Path

from datasets import Dataset

from tutelage.data.tables.columns import Table
from tutelage.data.tables.encodings import COMPRESSED, as_utf8
from tutelage.errors import DataError
from tutelage.files import missing_content

__all__ = ["is_text_file", "read_text_lines"]


def is_text_file(path: Path) -> bool:
    """Whether a path is that of a text file, perhaps compressed.

    Example:
        >>> is_text_file(Path("more.csv"))
        False
    """
    name = Path(path.stem) if path.suffix.lower() in COMPRESSED else path
    return name.suffix.lower() == ".txt" and path.is_file()


def read_text_lines(path: Path, *, column: str, encoding: str | None = None) -> Table:
    """Read a text file; blank lines are left out, and this is noted.

    Args:
        path: A text file, compressed if its name ends so.
        column: Name of the column that the lines become.
        encoding: Its encoding; by default UTF-8, or what its byte order mark says.

    Raises:
        DataError: If it cannot be read, or has no text.
    """
    if absent := missing_content(path):
        raise DataError(f"{path} cannot be read: {absent}")
    with as_utf8(path, encoding=encoding) as (file, known):
        text = file.read_text(encoding="utf-8")  # line ends of other systems become \n
    lines = text.removesuffix("\n").split("\n")
    rows = [line for line in lines if line.strip()]
    if not rows:
        raise DataError(f"{path} has no line with a text")
    notes = [f"{path.name}: each line is a row"]
    if known != "utf-8":
        notes.append(f"{path.name}: its encoding is {known}")
    if blank := len(lines) - len(rows):
        notes.append(
            f"{path.name}: {blank} blank {'line is' if blank == 1 else 'lines are'} left out"
        )
    return Table(Dataset.from_dict({column: rows}), str(path), tuple(notes))
