"""What a search or a comparison takes: the extraction, the runs of each kind, and rows that would fail."""

from dataclasses import dataclass

from tutelage.experiment.extract import ExtractionEstimate

__all__ = ["FailingRow", "Part", "Runs", "SweepEstimate"]


@dataclass(frozen=True)
class Runs:
    """Runs of one kind: of a student, with teachers or without, on the same rows.

    Attributes:
        name: What they are.
        count: How many are left to do.
        seconds: Of all of them, one after the other.
    """

    name: str
    count: int
    seconds: float


@dataclass(frozen=True)
class FailingRow:
    """A row of the table that will say that it failed.

    Attributes:
        name: The row.
        reason: Why.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class Part:
    """Runs of a comparison that share the student and the rows.

    Attributes:
        student: Name of the student in the table.
        fraction: Share of the training rows.
        finished: How many runs are finished.
        left: How many are left to do.
        seconds: Of those that are left, one after the other.
    """

    student: str
    fraction: float
    finished: int
    left: int
    seconds: float


@dataclass(frozen=True)
class SweepEstimate:
    """What a search or a comparison takes.

    Attributes:
        teachers: The extraction of each teacher's features, once for each share of the rows.
        runs: The runs.
        failing: Rows without a run.
        parts: The runs of a comparison by student and share of the rows; rows without a run have none.
    """

    teachers: tuple[ExtractionEstimate, ...]
    runs: tuple[Runs, ...]
    failing: tuple[FailingRow, ...] = ()
    parts: tuple[Part, ...] = ()

    @property
    def extraction(self) -> float:
        """Seconds to extract what is not cached."""
        return sum(one.estimate.seconds for one in self.teachers)
