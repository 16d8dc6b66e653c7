"""The check of a config: no teacher computes, and cached features tell wrong labels."""

import shutil
from pathlib import Path

import pytest

from tutelage.experiment.check import check
from tutelage.experiment.extract import extract


@pytest.fixture
def wrong(small, digits, tmp_path):
    """Digits of which two threes and an eight lie in another class's folder."""
    folder = tmp_path / "wrong"
    shutil.copytree(digits, folder)
    for source, target in (
        ("three/00", "five/t0"),
        ("three/01", "eight/t1"),
        ("eight/02", "three/e2"),
    ):
        (folder / f"train/{source}.jpg").rename(folder / f"train/{target}.jpg")
    return small.replace({"data.source": f"folder:{folder}"})


def test_labels_are_checked_where_features_are_cached(wrong):
    checked = check(wrong)
    assert checked.passed
    assert checked.rows == {"train": 60, "test": 24}
    assert checked.classes["three"] == {"train": 19, "test": 8}
    assert not any(finding.kind == "label" for finding in checked.findings)
    (note,) = checked.notes
    assert "no teacher's features of the training rows are cached; 'tutelage extract'" in note
    extract(wrong)
    checked = check(wrong)
    assert (
        "labels were checked by wide + narrow: a linear probe that has not seen" in checked.notes[0]
    )
    told = {f.id for f in checked.findings if f.kind == "label"}
    planted = {"train/five/t0.jpg", "train/eight/t1.jpg", "train/three/e2.jpg"}
    assert len(told & planted) >= 2  # of 60 rows; these teachers' weights are random
    assert len(told) <= 6


def test_damage_is_found_before_any_teacher_runs(wrong):
    folder = wrong.data.source.partition(":")[2]
    Path(folder, "train/three/05.jpg").write_bytes(b"")
    checked = check(wrong)
    assert not checked.passed
    assert [f.id for f in checked.findings if f.kind == "damaged"] == ["train/three/05.jpg"]


def test_a_check_needs_no_teacher(small):
    checked = check(small.replace({"teachers": (), "transfer.method": "stl"}))
    assert checked.passed
    assert checked.notes == ()
