"""The rows that a run keeps: those that its predictions call most wrong, with their pictures."""

import base64
import io

import pytest
import torch
from PIL import Image

from tutelage import run
from tutelage.data import Split
from tutelage.experiment.examples import _Told
from tutelage.experiment.teachers_view import TeachersView
from tutelage.results.examples import EXAMPLES, read_examples
from tutelage.results.predictions import PREDICTIONS, read_predictions
from tutelage.tasks import MultiLabel, Regression


@pytest.fixture(scope="module")
def finished(small_config, tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    config = small_config.replace(
        {
            "cache.dir": folder / "cache",
            "output.dir": folder / "run",
            "output.examples": 5,
            "data.evaluate": "holdout",
            "data.holdout": 0.4,
        }
    )
    return run(config)


def test_predictions_give_the_metrics_of_the_result(finished):
    found = read_predictions(finished.folder)
    right = (found.outputs.argmax(dim=1) == found.labels).double().mean().item()
    assert right == pytest.approx(finished.metrics["holdout"]["accuracy"])
    assert len(found.ids) == found.rows == finished.rows["holdout"]
    assert {PREDICTIONS, EXAMPLES} <= set(finished.files)


def test_the_most_wrong_rows_are_kept(finished):
    kept, found = read_examples(finished.folder), read_predictions(finished.folder)
    shares = found.outputs.double().softmax(dim=1)
    wrong = {
        name: float(row[label])
        for name, row, label in zip(found.ids, shares, found.labels.tolist(), strict=True)
        if int(row.argmax()) != label
    }
    assert (kept.split, kept.evaluated, kept.wrong_rows) == ("holdout", found.rows, len(wrong))
    assert [one.id for one in kept.wrong] == sorted(wrong, key=lambda name: wrong[name])[:5]
    for one in kept.wrong:
        label, given, *_ = one.answers
        assert (label.label, given.label) == (1, 0)
        assert label.student == pytest.approx(wrong[one.id])
        assert given.student > label.student
        assert label.teachers is not None
        assert label.name in one.id
        assert Image.open(io.BytesIO(base64.b64decode(one.picture))).size == (32, 32)


def test_doubted_rows_say_what_the_probe_holds_for_right(finished):
    kept = read_examples(finished.folder)
    assert kept.checked_rows == {"train": finished.rows["train"], "holdout": kept.evaluated}
    assert len(kept.doubted) == min(5, sum(kept.doubted_rows.values())) > 0
    for one in kept.doubted:
        label, likelier = one.answers[0], max(one.answers, key=lambda answer: answer.teachers)
        assert label.label == 1
        assert likelier.teachers >= label.teachers
        assert (label.student is None) == (one.split == "train")


def test_no_row_is_kept_where_none_is_asked_for(small):
    result = run(small.replace({"output.examples": 0, "transfer.method": "stl"}))
    assert EXAMPLES not in result.files
    assert not (result.folder / EXAMPLES).exists()


def told(task, labels, outputs) -> _Told:
    class Texts:
        modality = "text"

        def __len__(self) -> int:
            return len(labels)

        def __getitem__(self, index: int):
            return (f"text {index}",)

        def content(self, index: int) -> bytes:
            return b""

        def select(self, indices):
            return self

    split = Split("test", Texts(), [str(n) for n in range(len(labels))], labels)
    return _Told(split, task, outputs, TeachersView().evaluated)


def test_of_several_labels_the_wrong_ones_are_told():
    labels = torch.tensor([[1.0, 0.0, 1.0, torch.nan]])
    outputs = torch.tensor([[4.0, 1.0, -3.0, 9.0]])
    example = told(MultiLabel.numbered(4), labels, outputs).example(0)
    assert [(one.name, one.label) for one in example.answers] == [("2", 1), ("1", 0)]
    assert example.texts == ("text 0",)


def test_targets_come_by_their_error_in_deviations():
    labels = torch.tensor([[1.0, 100.0], [3.0, 300.0]], dtype=torch.float64)
    outputs = torch.tensor([[2.0, 110.0], [0.0, 0.0]], dtype=torch.float64)
    example = told(Regression.of(("a", "b"), labels), labels, outputs).example(0)
    assert [(one.name, one.label, one.student) for one in example.answers] == [
        ("a", 1.0, 2.0),
        ("b", 100.0, 110.0),
    ]
