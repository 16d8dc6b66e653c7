"""Speed and size of a run's models, as ``tutelage latency`` leaves them in the run's folder."""

import json
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from tutelage.errors import DataError
from tutelage.files import with_digest, without_digest, write_atomically, writing_to

__all__ = ["FILE", "Latency", "Spread", "TimedModel", "Timing", "read_latency", "write_latency"]

FILE = "latency.json"
SCHEMA_VERSION: Literal[1] = 1


class LatencyPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Spread(LatencyPart):
    """The median of some numbers, and their quartiles: half of them lie between ``low`` and ``high``.

    Example:
        >>> Spread.of([1.0, 2.0, 3.0, 4.0, 5.0])
        Spread(median=3.0, low=2.0, high=4.0)
    """

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Iterable[float]) -> "Spread":
        """Return the spread of at least one number."""
        values = list(numbers)
        if len(values) == 1:
            return cls(median=values[0], low=values[0], high=values[0])
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median=median, low=low, high=high)


class Timing(LatencyPart):
    """The speed of a model on a device.

    Attributes:
        device: Name of the device.
        batch_size: Rows at once.
        rounds: Number of times that it was measured.
        milliseconds: Of a row: the time of a batch divided by ``batch_size``.
        ratio: The model's time divided by the student's in the same round.
    """

    device: str
    batch_size: int
    rounds: int
    milliseconds: Spread
    ratio: Spread

    @property
    def rows_per_second(self) -> float:
        """Rows a second, at the median time."""
        return 1000.0 / self.milliseconds.median


class TimedModel(LatencyPart):
    """A model and its speed.

    Attributes:
        name: Its name in tables.
        role: ``"student"``, ``"teacher"``, or ``"export"``: a file made of the student.
        parameters: Number of parameters; None where it is not known.
        bytes: Size of its files; of a teacher, of its weights as they are loaded; None where it is not
            known.
        flops: Floating-point operations of one row; None where it is not known.
        timings: Its speed by device and batch size.
    """

    name: str
    role: Literal["student", "teacher", "export"]
    parameters: int | None
    bytes: int | None
    flops: int | None
    timings: tuple[Timing, ...]


class Latency(LatencyPart):
    """Speed and size of a student, its teachers and its exported files, measured in turn.

    Attributes:
        schema_version: Version of this schema.
        models: The student first.
        rows: What the models were run on, as a sentence.
        counted: What counts as a floating-point operation.
        left_out: What could not be measured and why, a sentence each.
        threads: Threads of the CPU that a model may use.
        warm_up: Untimed calls before the first round.
        versions: Versions of Python and of the packages, by name.
        machine: Name of the processor.
        started: When the measurement began, in ISO format.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    models: tuple[TimedModel, ...]
    rows: str
    counted: str
    left_out: tuple[str, ...] = ()
    threads: int
    warm_up: int
    versions: dict[str, str]
    machine: str
    started: str


def write_latency(folder: Path, latency: Latency) -> Path:
    """Write ``latency.json`` to a run's folder, and return its path.

    Raises:
        OutputError: If it cannot be written.
    """
    path = folder / FILE
    with writing_to(path):
        write_atomically(path, with_digest(json.loads(latency.model_dump_json())))
    return path


def read_latency(folder: Path) -> Latency | None:
    """Read what ``tutelage latency`` measured of a run; None if it has not been run.

    Raises:
        DataError: If the file is damaged, or of another version.
    """
    path = folder / FILE
    try:
        return Latency.model_validate(without_digest(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(
            f"{path} is not a measurement of this version of tutelage: {error}; remove it, or run "
            "'tutelage latency' again"
        ) from None
