"""Comparisons with a baseline that was trained otherwise are called so, first of all."""

from pathlib import Path

from tutelage.report.fairness import unlike_training
from tutelage.report.verdict import reasons, verdict
from tutelage.results import read_comparison


def test_a_baseline_of_another_length_is_named_in_the_verdict(tmp_path: Path, write_run) -> None:
    write_run(tmp_path / "stl", method="stl", steps=50, accuracy=0.7)
    comparison = read_comparison([write_run(tmp_path / "aft", steps=400, accuracy=0.8)])

    assert verdict(comparison).startswith("With unlike training (steps 400 against 50), AFT came")
    assert "not trained alike" in reasons(comparison)[0]
    assert reasons(comparison)[0].endswith(
        "tutelage train aft/config.toml --method stl --out aft-stl-alike"
    )


def test_the_nearest_training_is_chosen(tmp_path: Path, write_run) -> None:
    def config(lr: float, steps: int) -> dict[str, object]:
        return {
            "data": {"source": "table:x"},
            "student": {"source": "timm:s"},
            "train": {"steps": steps, "lr": lr, "batch_size": 64},
        }

    run = write_run(tmp_path / "aft", config=config(1e-3, 400))
    write_run(tmp_path / "a-far", method="stl", config=config(3e-4, 50))
    write_run(tmp_path / "near", method="stl", config=config(3e-4, 400))
    comparison = read_comparison([run])

    row = comparison.foremost
    assert row is not None
    assert unlike_training(row, comparison.baseline_of(row)) == "lr 0.001 against 0.0003"


def test_equal_training_is_not_spoken_of(tmp_path: Path, write_run) -> None:
    write_run(tmp_path / "stl", method="stl")
    comparison = read_comparison([write_run(tmp_path / "aft")])

    assert verdict(comparison).startswith("AFT ")
    assert not any("alike" in sentence for sentence in reasons(comparison))
