"""Model cards of every kind of student: what they say of its use is what its library does."""

import re

import pytest
import torch

import tutelage
from tutelage.deploy.saved import SavedRun
from tutelage.publish.card import model_card
from tutelage.publish.usage import library, pipeline_tag


@pytest.fixture(autouse=True)
def few_draws(monkeypatch) -> None:
    """Intervals from few draws, which take less time."""
    monkeypatch.setattr("tutelage.publish.measured.draws_for", lambda rows: 20)


def code(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def test_a_reader_of_texts(review_run):
    saved = SavedRun.open(review_run)
    assert (library(saved), pipeline_tag(saved)) == ("transformers", "text-classification")
    text = model_card(saved)
    assert r"template `Snippet: {text}\nIt is` first" in text
    assert "trained with tutelage by standard fine-tuning." in text
    ours, theirs = code(text)
    known: dict = {}
    exec(ours.replace("path/to/run", str(review_run)), known)
    exec(theirs.replace("path/to/student", str(review_run / "student")), known)
    tokens = known["reader"]("Snippet: a sentence\nIt is", return_tensors="pt")
    with torch.inference_mode():
        chances = known["model"](**tokens).logits.softmax(1)[0].tolist()
    assert list(known["prediction"].scores.values()) == pytest.approx(chances, abs=1e-5)


@pytest.mark.parametrize("kind", ["pair_run", "labels_run", "numbers_run"])
def test_students_that_only_we_load(request, captions, kind):
    folder = request.getfixturevalue(kind)
    saved = SavedRun.open(folder)
    assert library(saved) == "tutelage"
    assert pipeline_tag(saved) == (None if kind == "pair_run" else "text-classification")
    text = model_card(saved, name="ada/captions")
    assert "these files: `deploy_students:Small` must be importable" in text
    (ours,) = code(text)
    assert 'tutelage.load("hf:ada/captions")' in ours
    known: dict = {}
    picture = captions / "test-0.png"
    exec(ours.replace("hf:ada/captions", str(folder)).replace("photo.jpg", str(picture)), known)
    texts = ["text 1", "text 2"]
    row = (str(picture), texts) if kind == "pair_run" else texts
    expected = tutelage.load(folder).predict([row])
    assert known["prediction"] == expected[0]
