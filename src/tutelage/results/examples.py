"""Single rows that a run keeps for people to look at: those that are most wrong or most in doubt.

Pictures are small copies, and texts their beginnings: the file stays small, and can be read where the
data is not.
"""

import json
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from tutelage.errors import DataError
from tutelage.files import with_digest, without_digest, write_atomically

__all__ = ["EXAMPLES", "Answer", "Example", "Examples", "read_examples", "write_examples"]

EXAMPLES = "examples.json"


class ExamplesPart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Answer(ExamplesPart):
    """What is said of one class, label or target of a row.

    Attributes:
        name: Name of the class, label or target.
        label: 1 if the row has it and 0 if not; of a target, its value. None where it is not known.
        student: The student's probability of it, or the target as the student predicts it. None for
            rows that the student was trained on.
        teachers: The same of a linear probe on the teachers' features that did not see the row's
            label; None where it is not known.
    """

    name: str
    label: float | None
    student: float | None = None
    teachers: float | None = None


class Example(ExamplesPart):
    """A row.

    Attributes:
        id: Its id.
        split: The rows that it is one of: ``train``, ``test`` or ``holdout``.
        answers: The classes, labels or targets that matter: those that it has, and those that are
            wrongly held for right.
        texts: Its texts, one a column, cut where they are long.
        picture: Its picture as a small JPEG file in base64; empty for texts.
    """

    id: str
    split: str
    answers: tuple[Answer, ...]
    texts: tuple[str, ...] = ()
    picture: str = ""


class Examples(ExamplesPart):
    """The rows that a run keeps.

    Attributes:
        split: The evaluated rows: ``test`` or ``holdout``.
        evaluated: How many of these have a label.
        wrong: Those on which the student is most wrong, the worst first.
        wrong_rows: On how many it is wrong.
        doubted: Rows whose label the teachers' probe contradicts, the likeliest errors first.
        doubted_rows: How many there are, by split.
        checked_rows: In how many rows the labels were compared with the probe, by split.
        notes: Why something is not known.
    """

    version: int = 1
    split: str
    evaluated: int
    wrong: tuple[Example, ...]
    wrong_rows: int
    doubted: tuple[Example, ...] = ()
    doubted_rows: dict[str, int] = {}
    checked_rows: dict[str, int] = {}
    notes: tuple[str, ...] = ()


def write_examples(folder: Path, examples: Examples) -> None:
    """Write ``examples.json``.

    Raises:
        OSError: If the folder cannot be written.
    """
    text = with_digest(json.loads(examples.model_dump_json(exclude_defaults=True)))
    write_atomically(folder / EXAMPLES, text)


def read_examples(folder: Path) -> Examples | None:
    """Read the rows that a finished run kept; None where it kept none.

    Raises:
        DataError: If the file is damaged, or of a later version.
    """
    path = folder / EXAMPLES
    try:
        return Examples.model_validate_json(json.dumps(without_digest(path.read_bytes())))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(
            f"{path} cannot be read: {error}; remove it, and the report leaves its rows out"
        ) from None
