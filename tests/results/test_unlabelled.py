"""Which run is the same as another but for its unlabelled rows."""

from pathlib import Path
from typing import Any

import pytest

from tutelage.results import read_comparison
from tutelage.results.folders import labelled_beside
from tutelage.results.unlabelled import unlabelled_gain


def config(unlabelled: str | None, **train: Any) -> dict[str, Any]:
    return {
        "data": {"source": "folder:flowers"} | ({"unlabelled": unlabelled} if unlabelled else {}),
        "student": {"source": "timm:s"},
        "transfer": {"method": "aft", "beta": 3.0},
        "train": {"steps": 400, **train},
    }


def test_the_same_number_of_steps_is_preferred(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "run", config=config("folder:more"), unlabelled=500, accuracy=0.8)
    write_run(tmp_path / "a-short", config=config(None, steps=50), steps=50, accuracy=0.5)
    write_run(tmp_path / "whole", config=config(None), accuracy=0.7)

    assert labelled_beside(run) == (tmp_path / "whole").resolve()
    comparison = read_comparison([run, tmp_path / "a-short", tmp_path / "whole"])
    row = next(row for row in comparison.rows if "unlabelled" in row.title)
    gain = unlabelled_gain(row, comparison.rows)
    assert gain is not None
    assert gain.difference.mean == pytest.approx(0.1)
    assert (gain.rows, gain.steps) == (500, (400, 400))


def test_rows_left_aside_in_the_same_data_are_found(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "run", config=config("folder:more"), unlabelled=500)
    other = config("folder:more", unlabelled_share=0.0)
    write_run(tmp_path / "without", config=other)

    assert labelled_beside(run) == (tmp_path / "without").resolve()


@pytest.mark.parametrize(
    "other",
    [
        {"config": config(None, lr=0.5)},
        {"config": config(None) | {"student": {"source": "timm:other"}}},
        {"config": config(None), "method": "kd"},
        {"config": config(None), "beta": 10.0},
        {"config": config(None), "seed": 1},
        {"config": config("folder:others"), "unlabelled": 20},
    ],
)
def test_anything_else_is_another_run(tmp_path: Path, write_run, other: dict[str, Any]) -> None:
    run = write_run(tmp_path / "run", config=config("folder:more"), unlabelled=500)
    write_run(tmp_path / "other", **other)

    assert labelled_beside(run) is None


def test_a_run_without_such_rows_has_none(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "run", config=config(None))
    write_run(tmp_path / "other", config=config(None))

    assert labelled_beside(run) is None
