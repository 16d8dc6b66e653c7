"""A comparison: written and read back, the same numbers from a comparison and from its runs."""

from pathlib import Path

import pytest

from tutelage.errors import DataError
from tutelage.report import write_report
from tutelage.results import read_comparison
from tutelage.results.comparison import Comparison, Scores, compare_scores
from tutelage.results.folders import with_runs, write_comparison
from tutelage.tasks import SingleLabel

VALUES = {"stl": {0: 0.70, 1: 0.72, 2: 0.71}, "aft": {0: 0.74, 1: 0.73, 2: 0.75}}


@pytest.fixture
def written(tmp_path: Path, write_run) -> Comparison:
    """A comparison of two methods over three seeds and one that failed, in ``tmp_path``."""
    scores = []
    for method, values in VALUES.items():
        folders = {seed: f"runs/{method}/seed-{seed}" for seed in values}
        for seed, value in values.items():
            write_run(tmp_path / folders[seed], method=method, seed=seed, accuracy=value)
        scores.append(
            Scores(
                student="minilm-l6", fraction=1.0, method=method, values=values, folders=folders,
                teachers=() if method == "stl" else ("mpnet", "glove"),
                settings={} if method == "stl" else {"beta": 3.0},
                probe=None if method == "stl" else 0.8,
            )
        )  # fmt: skip
    scores.append(
        Scores(student="minilm-l6", fraction=1.0, method="kd", values={}, failures={0: "no room"},
               teachers=("mpnet", "glove"), settings={})
    )  # fmt: skip
    comparison = compare_scores(
        with_runs(scores, tmp_path), name="snippets", data="table:data/snippets", evaluated="test",
        metric=SingleLabel.metric(),
    )  # fmt: skip
    write_comparison(comparison, tmp_path)
    return comparison


def test_it_comes_back_whole_with_its_runs(written: Comparison, tmp_path: Path) -> None:
    again = read_comparison([tmp_path])

    assert again.model_dump() == written.model_dump()
    assert len(again.runs) == 6


def test_runs_alone_give_the_same_numbers(written: Comparison, tmp_path: Path) -> None:
    runs = sorted(path.parent for path in (tmp_path / "runs").rglob("result.json"))
    alone = read_comparison(runs)

    for ours, theirs in zip(written.finished, alone.rows, strict=True):
        assert (ours.label, ours.score, ours.difference) == (
            theirs.label,
            theirs.score,
            theirs.difference,
        )
        assert ours.relative_error == theirs.relative_error


def test_an_unfinished_comparison_is_read_from_its_runs(
    written: Comparison, tmp_path: Path
) -> None:
    (tmp_path / "compare.json").unlink()

    assert [row.label for row in read_comparison([tmp_path]).rows] == [
        "Standard fine-tuning",
        "AFT",
    ]


def test_the_page_tells_of_a_failed_row(written: Comparison, tmp_path: Path) -> None:
    page = write_report([tmp_path]).read_text()

    assert "KD: failed" in page
    assert "no room" in page


def test_a_damaged_comparison_is_refused(tmp_path: Path) -> None:
    (tmp_path / "compare.json").write_text('{"rows": 3}', encoding="utf-8")
    with pytest.raises(DataError, match="is not a comparison of this version"):
        read_comparison([tmp_path])


def test_relative_and_normalized_errors_are_of_shared_seeds() -> None:
    """As the difference is: a seed that failed for one method is bad luck of neither."""
    values = {"stl": {0: 0.9, 1: 0.5, 2: 0.9}, "aft": {0: 0.9, 2: 0.9}}
    scores = [
        Scores(student="s", fraction=1.0, method=method, teachers=(), settings={}, values=of)
        for method, of in values.items()
    ]
    comparison = compare_scores(
        scores, name="x", data="table:x", evaluated="test", metric=SingleLabel.metric()
    )
    taught = comparison.transfers[0]
    assert taught.difference.mean == 0
    assert taught.relative_error == comparison.methods[1].normalized_error.mean == 1.0


def test_two_students_are_told_apart(tmp_path: Path, write_run) -> None:
    folders = []
    for width in (1, 2):
        for method in ("stl", "aft"):
            folder = tmp_path / f"{method}-{width}"
            config = {
                "data": {"source": "table:x"},
                "student": {"source": "hf:tiny", "params": {"layers": width}},
                "transfer": {"method": method, "beta": 3.0},
                "train": {"steps": 10},
            }
            folders.append(
                write_run(folder, method=method, accuracy=0.7 + width / 100, config=config)
            )
    comparison = read_comparison(folders)

    assert len(comparison.cells) == 2
    assert {row.baseline for row in comparison.transfers} == {
        row.label for row in comparison.rows if row.is_baseline
    }
    text = write_report(folders).read_text()
    assert "Several students or shares of the training rows" in text
    assert "Task loss" not in text
