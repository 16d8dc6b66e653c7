"""A search's record: read back as it was, and the best of standard fine-tuning in it."""

import json
from pathlib import Path

import pytest

from tutelage.errors import DataError
from tutelage.results.tuning import read_tuning


def test_a_search_is_read_back_as_it_was_written(tmp_path: Path, write_search) -> None:
    folder, written = write_search(tmp_path / "tuned", {"stl": [0.7], "aft beta=3": [0.8]})

    assert read_tuning(folder) == written
    assert written.best.method == "aft"


def test_the_baseline_is_the_best_finished_point_of_fine_tuning(
    tmp_path: Path, write_search
) -> None:
    points = {"stl lr=0.1": [0.6], "stl lr=0.2": [0.75], "stl lr=9": [], "aft beta=3": [0.8]}
    _, search = write_search(tmp_path / "some", points)
    _, without = write_search(tmp_path / "none", {"stl": [], "aft beta=3": [0.8]})

    assert search.baseline is not None
    assert search.baseline.settings == {"lr": 0.2}
    assert without.baseline is None


def test_a_search_of_an_older_version_is_read(tmp_path: Path, write_search) -> None:
    folder, written = write_search(tmp_path / "tuned", {"stl": [0.7]})
    older = json.loads(written.model_dump_json(exclude={"rows": True}))
    for trial in older["trials"]:
        del trial["values"]
    (folder / "tune.json").write_text(json.dumps(older), encoding="utf-8")

    assert read_tuning(folder).rows is None
    assert read_tuning(folder).trials[0].score == 0.7


@pytest.mark.parametrize("text", ["{", '{"trials": 3}', None])
def test_a_damaged_search_is_an_error(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "tune.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"tune\.json is not a search"):
        read_tuning(tmp_path)


def test_a_changed_search_is_an_error(tmp_path: Path, write_search) -> None:
    folder, _ = write_search(tmp_path / "tuned", {"stl": [0.7]})
    text = (folder / "tune.json").read_text(encoding="utf-8")
    (folder / "tune.json").write_text(text.replace("0.7", "0.9"), encoding="utf-8")
    with pytest.raises(DataError, match="it was changed"):
        read_tuning(folder)
