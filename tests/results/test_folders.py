"""Runs and comparisons read from folders; the run of standard fine-tuning next to a run."""

from pathlib import Path

import pytest

from tutelage.errors import DataError
from tutelage.report.fairness import unlike_training
from tutelage.report.verdict import reasons
from tutelage.results import read_comparison, stl_beside
from tutelage.results.folders import _search_of


def test_same_seed_is_preferred(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft", seed=2)
    for seed in range(4):
        write_run(tmp_path / f"stl-{seed}", method="stl", seed=seed)

    assert stl_beside(run) == (tmp_path / "stl-2").resolve()


def test_same_training_is_preferred_to_same_seed(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft", seed=2)
    write_run(tmp_path / "short", method="stl", seed=2, steps=10)
    write_run(tmp_path / "stl", method="stl", seed=1)

    assert stl_beside(run) == (tmp_path / "stl").resolve()


def test_fine_tuning_with_views_lies_beside_a_run_without(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft", config={"data": {"views": 0}})
    write_run(tmp_path / "stl", method="stl", config={"data": {"views": 4}})

    comparison = read_comparison([run])

    assert stl_beside(run) == (tmp_path / "stl").resolve()
    assert [row.method for row in comparison.rows] == ["stl", "aft"]
    assert unlike_training(comparison.rows[1], comparison.rows[0]) == "views 0 against 4"


def test_relative_folder(tmp_path: Path, write_run, monkeypatch: pytest.MonkeyPatch) -> None:
    write_run(tmp_path / "aft")
    write_run(tmp_path / "stl", method="stl")
    monkeypatch.chdir(tmp_path / "aft")

    assert stl_beside(Path()) == (tmp_path / "stl").resolve()


def test_other_tasks_methods_and_damaged_files_are_passed_over(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft")
    write_run(tmp_path / "kd", method="kd")
    write_run(tmp_path / "other-split", method="stl", split="holdout")
    write_run(tmp_path / "other-rows", method="stl", rows=500)
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "result.json").write_text("{", encoding="utf-8")

    assert stl_beside(run) is None


def test_fine_tuning_has_none_beside_itself(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "one", method="stl", seed=0)
    write_run(tmp_path / "two", method="stl", seed=1)

    assert stl_beside(run) is None


def test_what_is_no_finished_run_is_left_out_and_named(tmp_path: Path, write_run) -> None:
    folders = [write_run(tmp_path / "aft"), write_run(tmp_path / "stl", method="stl")]
    for name in ("begun", "chosen-in/chosen", "empty"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "begun" / "config.toml").touch()
    (tmp_path / "chosen-in" / "chosen" / "result.json").touch()
    (tmp_path / "report.html").touch()
    write_run(tmp_path / "damaged")
    (tmp_path / "damaged" / "result.json").write_text("{", encoding="utf-8")
    comparison = read_comparison(sorted(tmp_path.iterdir()))

    assert [row.label for row in comparison.rows] == ["Standard fine-tuning", "AFT"]
    begun, chosen, damaged, empty, page = comparison.left_out
    assert begun.endswith(f"tutelage train {tmp_path / 'begun'} --resume")
    assert chosen.endswith(f"its chosen run is {tmp_path / 'chosen-in' / 'chosen'}")
    assert "is not a result of this version" in damaged
    assert empty == f"{tmp_path / 'empty'}: there is no run in it"
    assert page == f"{tmp_path / 'report.html'}: it is no folder"
    assert reasons(comparison)[0] == f"Left out: {begun}."
    assert read_comparison(folders).left_out == ()


def test_a_folder_that_does_not_exist_or_no_run_at_all_is_an_error(
    tmp_path: Path, write_run
) -> None:
    run = write_run(tmp_path / "aft")
    with pytest.raises(DataError, match="there is no folder"):
        read_comparison([run, tmp_path / "atf"])
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with pytest.raises(DataError, match="none of these is a finished run"):
        read_comparison([tmp_path / "a", tmp_path / "b"])


def test_no_result_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no result"):
        stl_beside(tmp_path)


def test_the_search_of_a_folder(tmp_path: Path, write_search, write_run, monkeypatch) -> None:
    folder, _ = write_search(tmp_path / "tuned", {"stl": [0.7]})
    monkeypatch.chdir(folder / "chosen")

    assert _search_of(folder) == folder
    assert _search_of(Path()) == folder.resolve()
    assert _search_of(write_run(folder / "other")) is None
    assert _search_of(write_run(tmp_path / "chosen")) is None


def test_a_search_stands_for_its_chosen_run(tmp_path: Path, write_search, write_run) -> None:
    folder, search = write_search(tmp_path / "tuned", {"stl": [0.7], "aft beta=3": [0.8]})
    other = write_run(tmp_path / "kd", method="kd", accuracy=0.99)

    for given in ([folder], [folder / "chosen"]):
        comparison = read_comparison(given)
        assert [row.method for row in comparison.rows] == ["aft"]
        assert comparison.search == search
    both = read_comparison([folder, other])
    assert both.foremost is not None
    assert both.foremost.method == "aft"  # chosen beforehand, though the other is higher
    assert read_comparison([other]).search is None


def test_a_search_without_its_last_run_is_an_error(tmp_path: Path, write_search) -> None:
    folder, _ = write_search(tmp_path / "tuned", {"stl": [0.7]})
    (folder / "chosen" / "result.json").unlink()
    with pytest.raises(DataError, match="repeat the command that began it"):
        read_comparison([folder])
