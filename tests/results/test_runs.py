"""Where a run lies that was moved since it was trained."""

from tutelage.results.result import read_result
from tutelage.results.runs import Run


def test_its_place_is_where_it_was_read_from(write_run, tmp_path):
    trained = write_run(tmp_path / "trained")
    result = read_result(trained)
    assert Run(result).place == result.folder
    moved = trained.rename(tmp_path / "moved")
    assert Run(read_result(moved), folder=moved).place == moved
