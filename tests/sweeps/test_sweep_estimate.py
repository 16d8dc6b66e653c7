"""What a search or a comparison would take: the runs that are left, counted by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from tutelage.config import DataConfig, ExperimentConfig, load_config
from tutelage.data import read_data
from tutelage.errors import ConfigError
from tutelage.sweeps.compare import compare
from tutelage.sweeps.sweep_estimate import SweepEstimate, estimate_comparison, estimate_search
from tutelage.sweeps.tune import tune

STUDENT = """
from torch import nn

def small(num_classes: int):
    return nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes))
"""


@pytest.fixture
def table(digits, tmp_path, monkeypatch) -> dict[str, Any]:
    """A student of one layer under a teacher that sees each digit's pixels."""
    source = f"folder:{digits}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "one_layer.py").write_text(STUDENT)
    for name, split in read_data(DataConfig(source=source)).splits.items():
        rows = [np.asarray(row.convert("L").resize((8, 8))) for row in split.rows]
        np.save(f"pixels_{name}.npy", np.stack(rows).reshape(len(rows), -1) / 255.0)
    pixels = {"image_size": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}
    return {
        "data": {"source": source, "holdout": 0.3},
        "teachers": [{"source": "features:pixels_{split}.npy", "name": "pixels"}],
        "student": {"source": "python:one_layer:small", "input": pixels},
        "train": {"steps": 2, "batch_size": 12, "device": "cpu", "workers": 0, "inputs": "memory"},
        "tune": {"beta": [1.0, 10.0]},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "out")},
    }


def with_(config: dict[str, Any], *assignments: str) -> ExperimentConfig:
    return load_config([config], assignments=assignments)


def counts(expected: SweepEstimate) -> dict[str, int]:
    assert all(one.seconds > 0 for one in expected.runs)
    return {one.name: one.count for one in expected.runs}


def test_a_search_has_its_points_and_a_last_run(table, tmp_path):
    config = with_(table, "tune.lr=[0.1, 0.2]", "tune.seeds=3")
    expected = estimate_search(config, methods=["stl", "aft"])
    assert counts(expected) == {
        "small alone, on the hold-out": 2 * 3,
        "small taught, on the hold-out": 4 * 3,
        "small taught, on all training rows": 1,
    }
    (teacher,) = expected.teachers
    assert (teacher.name, teacher.estimate.width) == ("pixels", 64)
    assert not (tmp_path / "out").exists()
    drawn = estimate_search(with_(table, "tune.samples=5"), methods=["stl"])
    assert list(counts(drawn).values()) == [5, 1]
    assert drawn.teachers == ()


def test_finished_runs_are_not_counted(table):
    config = with_(table)
    tune(config, methods=["aft"])
    assert estimate_search(config, methods=["aft"]).runs == ()
    both = config.replace({"output.dir": config.output.dir / "both"})
    compare(both, methods=["stl"], seeds=2)
    left = counts(estimate_comparison(both, methods=["stl", "aft"], seeds=3))
    assert left == {
        "small alone, on all training rows": 1,
        "small taught, on all training rows": 3,
    }


def test_a_tuned_comparison_chooses_first(table):
    expected = estimate_comparison(with_(table), methods=["stl", "aft", "rkd"], seeds=2, tune=True)
    found = counts(expected)
    assert found["small taught, on the hold-out"] == 4  # stl has nothing to choose
    assert found["small alone, on all training rows"] == 2
    assert found["small taught, on all training rows"] == 4


def test_longer_runs_take_longer(table):
    table["train"]["steps"] = "auto"
    config = with_(table, "tune.patience=[1.0]", "data.holdout=0.5")
    some = estimate_search(config, methods=["stl"]).runs[0]
    more = estimate_search(config.replace({"tune.patience": (1.0, 40.0)}), methods=["stl"]).runs[0]
    assert (some.count, more.count) == (1, 2)
    assert more.seconds > 5 * some.seconds


def test_what_would_end_the_search_is_told(table):
    with pytest.raises(ConfigError, match=r"data.evaluate = 'holdout'"):
        estimate_search(with_(table, "data.evaluate=holdout"))


def files(folder: Path) -> dict[Path, tuple[int, bytes]]:
    """All files with their times and contents."""
    return {
        path: (path.stat().st_mtime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_folder_of_another_search_is_refused_as_by_the_search(table, tmp_path):
    tune(with_(table), methods=["stl"], retrain=False)
    before = files(tmp_path)
    for given in (with_(table, "train.lr=0.5"), with_(table, "data.limit=30")):
        with pytest.raises(ConfigError, match="holds a search ") as told:
            estimate_search(given, methods=["stl"])
        with pytest.raises(ConfigError) as told_by_search:
            tune(given, methods=["stl"], retrain=False)
        assert str(told.value) == str(told_by_search.value)
    estimate_search(with_(table), methods=["stl"])
    assert files(tmp_path) == before


def test_a_folder_of_another_comparison_is_refused_as_by_the_comparison(table, tmp_path):
    compare(with_(table), methods=["stl"], seeds=1)
    before = files(tmp_path / "out")
    given = with_(table, "train.lr=0.5")
    with pytest.raises(ConfigError, match="holds a comparison with other settings") as told:
        estimate_comparison(given, methods=["stl"])
    with pytest.raises(ConfigError) as told_by_comparison:
        compare(given, methods=["stl"], seeds=1)
    assert str(told.value) == str(told_by_comparison.value)
    (tmp_path / "out" / "rows.json").write_text('{"train": "others"}')
    with pytest.raises(ConfigError, match="holds a comparison on other train rows"):
        estimate_comparison(with_(table), methods=["stl"])
    del before[tmp_path / "out" / "rows.json"]
    assert before.items() <= files(tmp_path / "out").items()


def test_a_study_elsewhere_is_not_created(table, tmp_path):
    for storage in (tmp_path / "study.journal", f"sqlite:///{tmp_path}/study.db"):
        given = with_(table, f"tune.storage={storage}")
        assert counts(estimate_search(given, methods=["stl"]))["small alone, on the hold-out"] == 1
        assert not list(tmp_path.glob("*study*"))


def test_the_command_prints_the_runs(table, command):
    with open("config.toml", "wb") as file:
        tomli_w.dump(table, file)
    status, said, _ = command("tune", "config.toml", "--dry-run", "--jobs", "2")
    assert status == 0
    assert "2  small taught, on the hold-out" in said
    assert "all, one after the other: " in said
    assert "with --jobs 2: " in said
    status, said, _ = command("compare", "config.toml", "--methods", "stl", "--dry-run")
    assert status == 0
    assert "1  small alone, on all training rows" in said
