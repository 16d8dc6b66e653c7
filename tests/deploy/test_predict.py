"""Predictions of rows in Python: every kind of row, task and mistake."""

import pytest
import torch
from PIL import Image

import tutelage
from tutelage.deploy.predict import Prediction
from tutelage.errors import ConfigError, DataError, StudentError
from tutelage.results.result import read_result


def test_pictures_as_paths_images_bytes_and_dicts(digit_run, digits):
    student = tutelage.load(digit_run, device="cpu")  # a GPU rounds rows of a batch differently
    assert student.classes == ("eight", "five", "three")
    assert student.model is student.run.student.model
    path = digits / "test/five/22.jpg"
    forms = [path, str(path), Image.open(path), path.read_bytes(), {"image": path, "other": 3}]
    first, *rest = student.predict(forms)
    assert all(one == first for one in rest)
    assert sum(first.scores.values()) == pytest.approx(1)
    assert first.top(2)[0] == (first.answer, max(first.scores.values()))
    alone = student.predict(path)  # in a batch of one row, so other kernels may run
    assert [one.scores for one in alone] == [pytest.approx(first.scores, rel=1e-5)]
    assert student.predict([]) == []


def test_a_picture_that_is_turned_is_turned_back(digit_run, digits):
    """In memory as in a file."""
    student = tutelage.load(digit_run, device="cpu")
    image = Image.open(digits / "test/five/22.jpg")
    turned = image.transpose(Image.Transpose.ROTATE_90)
    turned.getexif()[274] = 6
    assert student.predict([turned])[0] == student.predict([image])[0]


def test_texts_within_the_template_of_training(review_run):
    student = tutelage.load(review_run)
    prediction = student.predict("a fine film")[0]
    assert student.predict([{"text": "a fine film"}])[0] == prediction
    saved = student.run.student
    prompt = student.run.config.data.template.replace("{text}", "a fine film")
    from tutelage.inputs import Prompt

    with torch.no_grad():
        batch = saved.input.collate([saved.input.prepare(Prompt((prompt,), ()))])
        logits = saved.outputs(batch)[0]
    assert prediction.scores["fresh"] == pytest.approx(float(logits.softmax(0)[0]), rel=1e-6)


def test_pairs_of_a_picture_and_texts(pair_run, captions):
    student = tutelage.load(pair_run)
    path = captions / "test-0.png"
    named = {"file": path, "title": "row 0", "body": "warm"}
    first, second = student.predict([named, (path, ("row 0", "warm"))])
    assert first == second
    assert set(first.scores) == {"no", "yes"}


def test_several_labels_and_numbers(labels_run, numbers_run):
    labels = tutelage.load(labels_run).predict([["row 1", "warm"]])[0]
    assert labels.answer == tuple(n for n, p in labels.scores.items() if p >= 0.5)
    number = tutelage.load(numbers_run).predict([{"title": "row 1", "body": "warm"}])[0]
    assert number.answer == number.scores["height"]
    assert 60 < number.answer < 180  # in its own unit


def test_the_likeliest():
    assert Prediction("b", {"a": 0.2, "b": 0.5, "c": 0.3}).top(2) == [("b", 0.5), ("c", 0.3)]
    assert Prediction(3.5, {"height": 3.5}).top(1) == [("height", 3.5)]


@pytest.mark.parametrize(
    ("kind", "row", "says"),
    [
        ("digit_run", "nowhere.jpg", "image nowhere.jpg cannot be read: No such file"),
        ("digit_run", 3, "row 0 is a int, not a picture; give a path, a PIL image"),
        ("digit_run", b"", "image in row 0 is empty"),
        ("review_run", {"review": "x"}, "a dict without 'text', which the student reads"),
        ("review_run", ["x", "y"], None),
        ("review_run", [["x", "y"]], r"made of 2 texts, but the student reads 1 \(text\)"),
        ("review_run", "  ", "only white space"),
        ("review_run", [[3]], "row 0 is of a int, not of texts"),
        ("pair_run", ["x"], r"a str, not an image and a text; give \(image, text\)"),
        ("labels_run", ["x"], r"made of 1 text, but the student reads 2 \(title, body\)"),
    ],
)
def test_rows_of_another_kind(kind, row, says, request):
    student = tutelage.load(request.getfixturevalue(kind))
    if says is None:
        assert len(student.predict(row)) == 2
        return
    with pytest.raises(DataError, match=says):
        student.predict(row)


@pytest.mark.parametrize("rows", [0, -1])
def test_a_batch_without_rows(review_run, rows):
    with pytest.raises(ConfigError, match="at least 1 row"):
        tutelage.load(review_run).predict(["x", "y"], batch_size=rows)


def test_no_such_device(digit_run, digits):
    with pytest.raises(StudentError, match=r"there is no device 'cuda:9' here.*choose auto or cpu"):
        tutelage.load(digit_run, device="cuda:9").predict(digits / "test/five/22.jpg")


def test_columns_are_those_of_training(review_run, pair_run, digit_run):
    assert read_result(digit_run).inputs is None
    assert read_result(review_run).inputs.text == ("text",)
    assert read_result(pair_run).inputs.image == "file"
