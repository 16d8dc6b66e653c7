"""The confusion matrix of the page, and the pairs of classes that are taken for each other most."""

from collections.abc import Sequence
from dataclasses import dataclass

from jaxtyping import Int64
from torch import Tensor

from tutelage.report.facts import Table
from tutelage.report.plots import clipped
from tutelage.report.units import SPACE
from tutelage.tasks import most_confused_classes, most_confused_pairs

__all__ = ["Cell", "Matrix", "matrix_view", "pair_table"]

MOST_CLASSES = 20
MOST_PAIRS = 12
LONGEST = 24
OTHERS = "others"
KINDS = {True: "right", False: "wrong"}


@dataclass(frozen=True)
class Cell:
    """Rows of one class that are given one class.

    Attributes:
        rows: How many.
        percent: Their share of the rows of the class, 0 to 100.
        kind: ``right`` where both are the same class, ``wrong`` where they differ, and nothing for rows
            of other classes that are given other classes, of which both may hold.
        title: The cell in words.
    """

    rows: int
    percent: float
    kind: str
    title: str


@dataclass(frozen=True)
class Matrix:
    """A table of classes against the classes that rows are given.

    Attributes:
        names: Classes as they are written, one a row and a column.
        titles: Their whole names.
        cells: Row by row.
        caption: How to read it, and what is left out.
    """

    names: tuple[str, ...]
    titles: tuple[str, ...]
    cells: tuple[tuple[Cell, ...], ...]
    caption: str


def matrix_view(matrix: Int64[Tensor, "classes classes"], names: Sequence[str]) -> Matrix:
    """Return the matrix of all classes, or of the most confused ones with the others in one.

    Args:
        matrix: A row a class, a column a class that is given.
        names: Names of the classes.
    """
    shown = _shown(matrix)
    rest = [one for one in range(len(names)) if one not in set(shown)]
    groups = [[one] for one in shown] + ([rest] if rest else [])
    titles = [names[one] for one in shown] + ([f"the other {len(rest):,} classes"] if rest else [])
    short = [clipped_name(names[one]) for one in shown] + ([OTHERS] if rest else [])
    cells = []
    for row, of in enumerate(groups):
        counts = [int(matrix[of][:, given].sum()) for given in groups]
        cells.append(
            tuple(
                Cell(
                    rows=count,
                    percent=100 * count / max(1, sum(counts)),
                    kind="" if row == column and len(of) > 1 else KINDS[row == column],
                    title=f"{titles[row]}, given {titles[column]}: {count:,} of {sum(counts):,}",
                )
                for column, count in enumerate(counts)
            )
        )
    caption = "A row a class, a column the class that the student gives; darker is a larger share."
    if rest:
        caption += (
            f" These are the {len(shown)} of {len(names):,} classes that are confused most; the last row "
            "and column hold all others."
        )
    return Matrix(tuple(short), tuple(titles), tuple(cells), caption)


def _shown(matrix: Int64[Tensor, "classes classes"]) -> list[int]:
    """All classes, or those of the largest errors between two, then those with the most errors."""
    if len(matrix) <= MOST_CLASSES:
        return list(range(len(matrix)))
    pairs = most_confused_pairs(matrix, most=MOST_CLASSES)
    of_pairs = [one for pair in pairs for one in (pair.label, pair.given)]
    classes = dict.fromkeys([*of_pairs, *most_confused_classes(matrix, most=MOST_CLASSES)])
    return sorted(list(classes)[:MOST_CLASSES])


def pair_table(matrix: Int64[Tensor, "classes classes"], names: Sequence[str]) -> Table | None:
    """Return the largest errors between two classes; None where there is no error."""
    pairs = most_confused_pairs(matrix, most=MOST_PAIRS)
    if not pairs:
        return None
    return Table(
        ("Class", "Taken for", "Rows", "Of the class"),
        tuple(
            (
                clipped_name(names[pair.label], 40),
                clipped_name(names[pair.given], 40),
                f"{pair.rows:,}",
                f"{100 * pair.share:.0f}{SPACE}%",
            )
            for pair in pairs
        ),
        numbers=2,
    )


def clipped_name(name: str, most: int = LONGEST) -> str:
    """A class's name short enough for a table, both its ends kept."""
    return clipped(name, most).replace(r"\$", "$")
