"""Features computed in another order than the rows are told: by extract, rank, a run and its page."""

import numpy as np
import pytest
import torch
from PIL import Image

from tutelage import run
from tutelage.experiment.extract import extract
from tutelage.progress import Silent
from tutelage.report import write_report
from tutelage.sweeps.rank import rank

OTHER_ROWS = "tells no more of the labels than chance, so they may be those of other rows"


class Notes(Silent):
    """Keeps the notes."""

    def __init__(self):
        self.notes = []

    def note(self, text):
        self.notes.append(text)


@pytest.fixture
def foreign(digits, small, tmp_path):
    """A function that writes arrays of the digits' pixels, perhaps as a shuffling loader would.

    facebookresearch/deepcluster#6, binli123/dsmil-wsi#19: features computed with shuffle=True.
    """

    def config(*, shuffled):
        draws = torch.Generator().manual_seed(0)
        for split in ("train", "test"):
            files = sorted((digits / split).rglob("*.jpg"))
            order = torch.randperm(len(files), generator=draws) if shuffled else range(len(files))
            pixels = [np.asarray(Image.open(files[i]), dtype=np.float32).ravel() for i in order]
            np.save(tmp_path / f"emb_{split}.npy", np.stack(pixels)[:, ::7])
        teacher = {"source": f"features:{tmp_path}/emb_{{split}}.npy", "name": "pixels"}
        return small.replace({"teachers": (teacher,), "data.holdout": 0.3})

    return config


@pytest.mark.parametrize("shuffled", [False, True])
def test_extract_and_rank_say_so(foreign, shuffled):
    config = foreign(shuffled=shuffled)
    (teacher,) = extract(config)
    assert len(teacher.doubts) == shuffled
    advice = rank(config.replace({"student": None})).advice
    assert any(OTHER_ROWS in line for line in advice) == shuffled
    if shuffled:
        assert teacher.doubts[0].startswith("on 60 rows of train, a linear probe")
        assert "tutelage rows DATA --out rows.csv" in teacher.doubts[0]


def test_a_run_says_so_before_training_and_its_page_after(foreign):
    config = foreign(shuffled=True)
    progress = Notes()
    result = run(config, progress=progress)
    (doubt,) = result.teachers[0].doubts
    assert OTHER_ROWS in doubt
    assert progress.notes.count(f"pixels: {doubt}") == 1
    assert OTHER_ROWS in write_report([config.output.dir]).read_text(encoding="utf-8")


def test_a_model_is_advised_otherwise(small):
    """A teacher that reads noise tells nothing, but its rows are the right ones."""
    noise = small.replace({"teachers.0.source": "python:small_parts:noise"})
    wide, narrow = extract(noise)
    assert ["check that it suits these rows" in doubt for doubt in wide.doubts] == [True]
    assert narrow.doubts == ()


def test_features_that_hardly_vary_are_named_by_the_result_too(small):
    result = run(small.replace({"teachers.0.source": "python:small_parts:dead"}))
    (doubt,) = result.teachers[0].doubts
    assert "all 9 columns are zero in all 60 rows of train" in doubt
