"""Refusal of a finished run whose data has changed since."""

from pathlib import Path

from tutelage.config.data import DataConfig
from tutelage.data import open_data
from tutelage.data.row_digests import row_digests
from tutelage.errors import TrainingError, TutelageError, first_line
from tutelage.progress import Progress
from tutelage.results.result import Result, differing_rows

__all__ = ["refuse_other_rows"]


def refuse_other_rows(result: Result, folder: Path, progress: Progress) -> None:
    """Compare the rows of a finished run with those that the data holds now.

    Results of versions that kept no digests are passed over; where the data cannot be read any more,
    this is noted.

    Args:
        result: The finished run, whose settings name the data.
        folder: Where it lies now.
        progress: Receives the note.

    Raises:
        TrainingError: If they differ in ids, labels or content.
    """
    if not result.row_digests:
        return
    try:
        data, splits = open_data(DataConfig.model_validate(result.config["data"]))
    except TutelageError as error:
        progress.note(
            f"whether the data is still that of {folder} is not known, since it cannot be read: "
            f"{first_line(error)}"
        )
        return
    used = "unlabelled" in result.row_digests and bool(splits.unlabelled)
    now = row_digests(data, splits, unlabelled=used)
    if names := differing_rows(result.row_digests, now):
        raise TrainingError(
            f"{folder} holds a finished run on other {' and '.join(names)} rows than the data "
            "has now (ids, labels or content differ): put the data back, remove that folder, choose another "
            "output.dir (--out), or leave --resume out and set output.overwrite = true to train again"
        )
