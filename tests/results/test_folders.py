"""Runs and comparisons read from folders; the run of standard fine-tuning next to a run."""

from pathlib import Path

import pytest

from tutelage.errors import DataError
from tutelage.results import stl_beside


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


def test_no_result_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no result"):
        stl_beside(tmp_path)
