"""Model cards: their figures are the run's, their code works, and no hand's work is lost."""

import re
import shutil

import pytest
from huggingface_hub import ModelCard

import tutelage
from tutelage.errors import OutputError
from tutelage.publish import card_facts
from tutelage.publish.card import Card, card
from tutelage.publish.measured import Measured
from tutelage.results.predictions import PREDICTIONS, read_predictions
from tutelage.results.result import read_result
from tutelage.tasks import Interval


@pytest.fixture(scope="module")
def text(taught_run, tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("card")
    for name in ("stl", "aft"):
        shutil.copytree(taught_run.parent / name, folder / name)
    return card(folder / "aft", license="mit", name="ada/digits").read_text()


def test_what_the_hub_reads(text, taught_run):
    result = read_result(taught_run)
    data = ModelCard(text).data
    assert (data.license, data.library_name) == ("mit", "timm")
    assert data.pipeline_tag == "image-classification"
    assert data.tags == ["tutelage", "aft", "arxiv:2406.07337"]
    assert data.base_model is None  # random weights
    reached = {one.metric_type: one.metric_value for one in data.eval_results}
    wanted = result.metrics["test"]
    assert set(reached) == set(wanted) - {"loss"}
    for name, value in reached.items():
        assert value == pytest.approx(wanted[name], abs=1e-6)


def test_what_people_read(text, taught_run):
    result = read_result(taught_run)
    accuracy = 100 * result.metrics["test"]["accuracy"]
    assert f"| accuracy | {accuracy:.2f} % |" in text
    assert f"Measured on {result.rows['test']} test rows of folder:" in text
    assert "| AFT | 1 |" in text  # next to standard fine-tuning
    assert "| Standard fine-tuning | 1 |" in text
    assert "| guide | timm:test\\_vit |" in text
    assert "random weights" in text
    assert "Qiu et al. 2024" in text
    assert "No licence" not in text
    for private in (taught_run.parent.name, str(taught_run.parent)):
        assert private not in text


def test_its_code_works(text, taught_run, digits):
    ours, timms = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    picture = next(digits.rglob("*.jpg"))
    ours = ours.replace("hf:ada/digits", str(taught_run)).replace("photo.jpg", str(picture))
    known: dict = {}
    exec(ours, known)
    assert known["prediction"].answer in read_result(taught_run).classes
    timms = timms.replace("hf_hub:ada/digits", f"local-dir:{taught_run / 'student'}")
    exec(timms, known)
    expected = tutelage.load(taught_run).run.student.model.state_dict()
    for name, value in known["model"].state_dict().items():
        assert value.equal(expected[name])
    assert known["transform"] is not None


def test_a_card_that_was_changed_is_kept(own_run):
    path = tutelage.card(own_run, license="mit")
    again = tutelage.card(own_run)
    assert again == path
    assert Card.read(path).license == "mit"
    assert not Card.read(path).edited
    path.write_text(path.read_text().replace("# digits", "# My digits"))
    assert Card.read(path).edited
    with pytest.raises(OutputError, match="changed by hand"):
        tutelage.card(own_run)
    assert "# My digits" in path.read_text()
    tutelage.card(own_run, overwrite=True)
    assert "# digits" in path.read_text()


def test_intervals_need_predictions(own_run):
    assert "95 % interval" in tutelage.card(own_run).read_text()
    (own_run / PREDICTIONS).unlink()
    assert "95 % interval" not in tutelage.card(own_run).read_text()


def test_weak_classes_and_strange_names(taught_run):
    result = read_result(taught_run)
    measured = Measured(
        "test", 20, {"accuracy": Interval(0.5)}, weak=(("<b>|x|", 0.1, 10), ("y", 0.2, 9))
    )
    said = card_facts.limits(result, measured, license=None)
    assert r"\<b\>\|x\| (10" in said
    assert "No licence was chosen" in said
    assert "Probabilities" not in said
    own = Measured.of(result, read_predictions(taught_run))
    assert own.weak == ()  # of three classes none is named
    assert own.calibration_error == pytest.approx(0.2, abs=0.2)


def test_the_command(command, own_run):
    code, out, _ = command("card", own_run, "--license", "apache-2.0")
    assert (code, out.strip()) == (0, f"written to {own_run / 'student' / 'README.md'}")
    code, _, err = command("card", own_run / "student")
    assert code == 2
    assert f"do you mean {own_run}?" in err
