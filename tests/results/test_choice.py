"""The record of a search for the best student: read back, and compared over shared folds."""

from pathlib import Path

import pytest

from tutelage.errors import DataError
from tutelage.results import read_comparison
from tutelage.results.choice import Choice, read_choice


def test_a_record_is_read_back_as_it_was_written(tmp_path: Path, choice_of, write_choice) -> None:
    written = choice_of(
        {"stl lr=0.1": [0.6, 0.7], "aft augment=none": [0.7]},
        chosen="aft-augment-none",
        teachers={20: [0.7, 0.8], 40: [0.8, 0.85]},
    )
    folder = write_choice(tmp_path / "auto", written)
    read = read_choice(folder)

    assert read.result is not None
    assert read.baseline_result is not None
    assert read == written.model_copy(
        update={"result": read.result, "baseline_result": read.baseline_result}
    )
    assert read.curves[0].points[1].score.mean == pytest.approx(0.825)


@pytest.mark.parametrize("text", ["{", '{"tried": 3}'])
def test_a_damaged_record_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(DataError, match="no finished search"):
        read_choice(tmp_path)
    (tmp_path / "auto.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"auto\.json is not a search"):
        read_choice(tmp_path)


def test_the_runs_of_a_folder_are_the_chosen_one_and_the_baseline(
    tmp_path: Path, choice_of, write_choice
) -> None:
    choice = choice_of({"stl": [0.6, 0.7, 0.6], "aft beta=3": [0.7, 0.8, 0.7]})
    comparison = read_comparison([write_choice(tmp_path / "auto", choice)])

    assert [row.method for row in comparison.rows] == ["stl", "aft"]
    assert comparison.foremost is not None
    assert comparison.foremost.difference is not None
    assert comparison.foremost.difference.mean == pytest.approx(0.02)
    assert isinstance(comparison.search, Choice)
    assert comparison.search.tried == choice.tried


def test_the_unit_of_repeats(choice_of) -> None:
    assert choice_of({"stl": [0.6]}).unit == "fold"
    assert choice_of({"stl": [0.6]}, folds=None).unit == "seed"
