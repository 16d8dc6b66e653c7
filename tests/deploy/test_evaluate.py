"""``tutelage evaluate``: figures by hand, files, and mistakes."""

import json
import shutil

import pytest
import torch

from tutelage.deploy.evaluate import evaluate
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError
from tutelage.results.result import read_result


@pytest.mark.parametrize(
    "kind", ["digit_run", "review_run", "pair_run", "labels_run", "numbers_run"]
)
def test_the_figures_of_the_run_come_out_again(kind, request):
    folder = request.getfixturevalue(kind)
    evaluation = evaluate(SavedRun.open(folder), draws=3)
    reported = read_result(folder).metrics["test"]
    assert evaluation.reported == reported
    for name, interval in evaluation.metrics.items():
        assert interval.value == pytest.approx(reported[name], rel=1e-5, abs=1e-9), name
    assert set(reported) - set(evaluation.metrics) == {"loss"}


def test_by_hand(digit_run):
    evaluation = evaluate(SavedRun.open(digit_run), draws=3)
    given, truth = evaluation.outputs.argmax(1), evaluation.labels
    matrix = evaluation.confusion
    for label in range(3):
        for answer in range(3):
            assert matrix[label, answer] == int(((truth == label) & (given == answer)).sum())
    for number, one in enumerate(evaluation.classes):
        assert one.recall.count == int(matrix[number, number])
        assert one.precision.rows == int(matrix[:, number].sum())
    assert evaluation.calibration is not None
    assert evaluation.targets == []
    assert json.loads(json.dumps(evaluation.as_json()))["confusion"] == matrix.tolist()


def test_numbers_have_errors_in_place_of_classes(numbers_run):
    evaluation = evaluate(SavedRun.open(numbers_run), draws=3)
    assert (evaluation.classes, evaluation.confusion, evaluation.calibration) == ([], None, None)
    assert [one.name for one in evaluation.targets] == ["height"]
    assert evaluation.targets[0].mae == pytest.approx(evaluation.metrics["mae"].value)
    assert evaluation.temperature is None
    json.dumps(evaluation.as_json())


def test_files_and_tables(digit_run, command, tmp_path):
    out = ["--out", tmp_path / "e.json", "--out", tmp_path / "e.html", "--draws", 5]
    code, said, err = command("evaluate", digit_run, *out, "--teachers")
    assert code == 0, err
    accuracy = read_result(digit_run).metrics["test"]["accuracy"]
    assert f"Accuracy is {100 * accuracy:.2f} % on 24 test rows" in said
    for words in ("macro F1", "recall", "The run reported the same accuracy.", "teachers' probe"):
        assert words in said
    written = json.loads((tmp_path / "e.json").read_text())
    assert written["metrics"]["accuracy"]["value"] == accuracy
    assert written["teachers"]["rows"] == 24
    assert [one["name"] for one in written["classes"]] == ["eight", "five", "three"]
    assert "<svg" in (tmp_path / "e.html").read_text()


def test_other_rows(digit_run, digits, command, tmp_path):
    new = tmp_path / "new"
    shutil.copytree(digits / "test", new)
    (new / "five/99.jpg").write_text("hello")
    code, _, err = command("evaluate", digit_run, new, "--draws", 3)
    assert (code, "--skip-unreadable" in err) == (2, True)
    code, said, _ = command("evaluate", digit_run, new, "--draws", 3, "--skip-unreadable")
    assert code == 0
    assert "on 24 train rows" in said
    assert "1 row is left out" in said
    shutil.copytree(new / "five", new / "nine")
    code, _, err = command("evaluate", digit_run, new, "--skip-unreadable")
    assert (code, "labels that the run does not know: 'nine'" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--out", "e.csv"], "end its name in .html or .json"),
        (["--out", "no/e.json"], "there is no folder no"),
        (["{digits}", "--teachers"], "leave out DATA and --split"),
        (["table:{reviews}"], "holds texts, but the student reads images"),
    ],
)
def test_mistakes(words, says, digit_run, digits, reviews, command):
    filled = [word.format(digits=digits, reviews=reviews) for word in words]
    code, _, err = command("evaluate", digit_run, *filled)
    assert code == 2
    assert says in " ".join(err.split())


def test_teachers_of_numbers(numbers_run):
    with pytest.raises(ConfigError, match="regression has none"):
        evaluate(SavedRun.open(numbers_run), teachers=True)


def test_the_same_draws_each_time(digit_run):
    first, again = (evaluate(SavedRun.open(digit_run), draws=4) for _ in range(2))
    assert first.metrics == again.metrics
    assert torch.equal(first.outputs, again.outputs)
