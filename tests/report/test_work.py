"""What a student gets wrong, on the page: from real files of predictions and examples."""

import html
import math
import re

import pytest
import torch

from tutelage.errors import DataError
from tutelage.report import write_report
from tutelage.results.predictions import PREDICTIONS

SPACE = "\N{NO-BREAK SPACE}"
HOSTILE = "<b class=\"x\">$\\frac$ & 'quoted'</b>"
MOST_BYTES = 600_000
"""Of a page with 24 pictures of ordinary size, and as many doubts."""


def drawn(classes: int, rows: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    draw = torch.Generator().manual_seed(seed)
    labels = torch.randint(classes, (rows,), generator=draw)
    sure = 2 * torch.nn.functional.one_hot(labels, classes)
    return torch.randn(rows, classes, generator=draw) + sure, labels


def words(page) -> str:
    text = re.sub(r"<style>.*?</style>", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).replace(SPACE, " ").split())


def test_classes(tmp_path, write_work, some_examples):
    outputs, labels = drawn(3, 60)
    run = write_work(
        tmp_path / "run", outputs, labels, names=[HOSTILE, "b", "c"], examples=some_examples
    )
    page = write_report([run])
    source, text = page.read_text(encoding="utf-8"), words(page)
    for part in (
        "What the student gets wrong",
        "130 of 600 test rows are wrong; these are the 24 with the greatest loss.",
        "Taken for each other most",
        "By class",
        "The expected calibration error is",
        "contradicts those of 31 of 1,000 train rows; 8 are shown",
        "The view of mpnet on the test rows is not shown.",
    ):
        assert part in text
    right = int((outputs.argmax(dim=1) == labels)[labels == 1].sum())
    assert f"b, given b: {right} of {int((labels == 1).sum())}" in html.unescape(source)
    assert "<b class" not in source
    assert source.count("<img ") == source.count("data:image/jpeg;base64,") == 24
    assert all('alt="Picture' in image for image in re.findall(r"<img [^>]*>", source))
    assert len(source) < MOST_BYTES


@pytest.mark.parametrize("classes", [60, 1000])
def test_many_classes_make_no_large_page(tmp_path, write_work, some_examples, classes):
    outputs, labels = drawn(classes, 2000)
    names = [HOSTILE, *(f"{'a long name ' * 6}{number}" for number in range(1, classes))]
    run = write_work(tmp_path / "run", outputs, labels, names=names, examples=some_examples)
    page = write_report([run])
    assert f"the 20 of {classes:,} classes that are confused most" in words(page)
    assert page.stat().st_size < MOST_BYTES


def test_several_labels(tmp_path, write_work):
    draw = torch.Generator().manual_seed(0)
    labels = (torch.rand(80, 2, generator=draw) < 0.4).float()
    labels[0, 0] = math.nan
    run = write_work(
        tmp_path / "run", 4 * labels.nan_to_num() - 2, labels, names=["a", HOSTILE], task="multi-label"
    )  # fmt: skip
    text = words(write_report([run]))
    assert "On 80 test rows." in text
    assert "By label" in text
    assert "Confusion" not in text


def test_targets(tmp_path, write_work):
    labels = torch.randn(40, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    run = write_work(
        tmp_path / "run", labels + 0.25, labels, names=["height", "$mass$"], task="regression"
    )
    text = words(write_report([run]))
    assert "By target" in text
    assert "height 40 0.25 0.25" in text
    assert "$mass$: predicted against true" in text
    assert "Calibration" not in text


def test_all_metrics_and_how_to_use_the_student(tmp_path, write_work):
    outputs, labels = drawn(3, 50)
    metrics = {
        "train": {"accuracy": 0.9, "mcc": 0.8, "loss": 0.25},
        "test": {"accuracy": 0.75, "loss": 0.5},
    }
    run = write_work(tmp_path / "run", outputs, labels, names=["a", "b", "c"], metrics=metrics)
    text = words(write_report([run]))
    assert "All metrics Metric On training rows On test rows" in text
    for part in ("Accuracy 90.00 % 75.00 %", "MCC 0.800", "Loss, nats 0.25 0.5"):
        assert part in text
    assert f"tutelage predict {run} DATA --out predictions.csv" in text
    assert f"tutelage.load({str(run)!r}).predict([...])" in text


def test_a_draw_of_rows_is_called_so(tmp_path, write_work):
    outputs, labels = drawn(3, 50)
    run = write_work(tmp_path / "run", outputs, labels, names=["a", "b", "c"], rows=90_000)
    assert "On a draw of 50 of 90,000 test rows, whose outputs the run's folder keeps." in words(
        write_report([run])
    )


def test_of_several_runs_it_is_named_whose_work_is_shown(tmp_path, write_work):
    outputs, labels = drawn(3, 50)
    for method, seed in (("stl", 0), ("aft", 0), ("aft", 1)):
        write_work(
            tmp_path / f"{method}-{seed}", outputs, labels, names=["a", "b", "c"], method=method, seed=seed
        )  # fmt: skip
    text = words(write_report(sorted(tmp_path.iterdir())))
    assert "AFT, seed 0, on 50 test rows." in text


def test_runs_without_predictions_still_have_a_page(tmp_path, write_run):
    old = write_run(tmp_path / "old", files={"student/model.safetensors": "ab"})
    assert "holds no predictions of the evaluated rows" in words(write_report([old]))


def test_damaged_predictions_are_named(tmp_path, write_work):
    outputs, labels = drawn(3, 50)
    run = write_work(tmp_path / "run", outputs, labels, names=["a", "b", "c"])
    (run / PREDICTIONS).write_bytes(b"x")
    with pytest.raises(DataError, match=r"predictions\.safetensors is damaged"):
        write_report([run])
