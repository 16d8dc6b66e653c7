"""Students that begin from a linear probe on their own features."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from PIL import Image

from tutelage import FeatureTap, run
from tutelage.config import ExperimentConfig, StudentConfig, load_config
from tutelage.errors import ConfigError, DataError, StudentError
from tutelage.experiment.head_start import STEEP, head_of, start_head, steepness
from tutelage.experiment.parts import build_student, prepare_batches
from tutelage.experiment.plan import Plan
from tutelage.experiment.runtime import Runtime
from tutelage.probes import LinearProbe, fit_probe, probe_holdout
from tutelage.progress import Silent
from tutelage.tasks import has_label
from tutelage.training.inference import forward_pass

sys.path.insert(0, str(Path(__file__).parents[1] / "teachers"))

from small_models import FAMILIES

PIXELS = {"image_size": 32, "mean": [0, 0, 0], "std": [1, 1, 1]}
PYTHON = {"source": "python:small_parts:student", "input": PIXELS}


class Notes(Silent):
    """Keeps what is reported as text."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


ABSOLUTE = {"outside_paths": True}


def config_of(source, student, **data):
    table = {
        "data": {"source": source} | data,
        "student": {"head": "probe"} | student,
        "transfer": {"method": "stl"},
        "train": {"device": "cpu", "workers": 0, "batch_size": 16, "steps": 2},
    }
    return ExperimentConfig.model_validate(table)


class Beginning:
    """A student as it begins training, and the probe that it should begin from."""

    def __init__(self, config, *, head=None, pool=None):
        torch.manual_seed(config.seed)
        self.plan, self.notes = Plan.of(config), Notes()
        self.student, self.accelerator = build_student(self.plan), Accelerator(cpu=True)
        self.batches = prepare_batches(
            self.plan, self.student, [], Runtime.of(config, self.notes)
        ).labelled
        with FeatureTap(self.student.model, head or self.student.tap.path, pool=pool) as tap:
            self.features = torch.cat([tap.take() for _ in self.passes()]).clone()

    def passes(self):
        return forward_pass(self.student, self.batches, batch_size=16, accelerator=self.accelerator)

    @property
    def outputs(self):
        return torch.cat([batch.outputs for batch in self.passes()])

    @property
    def probe(self):
        labels, task = self.plan.training.labels, self.plan.task
        chosen = probe_holdout(self.features, labels, task=task)
        return fit_probe(self.features, labels, task=task, c=chosen.c)

    def start(self):
        return start_head(
            self.plan,
            self.student,
            self.batches,
            accelerator=self.accelerator,
            runtime=Runtime.of(self.plan.config, self.notes),
        )


def close(one, other):
    return torch.allclose(one, other, atol=1e-5 * max(1.0, float(other.abs().max())))


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "resnetv2_18"])
def test_image_models_begin_with_the_probes_logits(digits, name):
    student = {"source": f"timm:{name}", "params": {"weights": "random"}}
    begun = Beginning(config_of(f"folder:{digits}", student, limit=18))
    expected = begun.probe.outputs(begun.features)
    assert not close(begun.outputs, expected)
    assert begun.start() == "probe"
    assert close(begun.outputs, expected)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("bert", "classifier"),
        ("distilbert", "classifier"),
        ("roberta", "classifier.out_proj"),
        ("electra", "classifier.out_proj"),
        ("t5", "classification_head.out_proj"),
    ],
)
def test_text_models_begin_with_the_probes_logits(reviews, kind, head, tmp_path):
    FAMILIES[kind].save(tmp_path)
    config = config_of(f"table:{reviews}", {"source": f"hf:{tmp_path}"})
    begun = Beginning(config, head=head)
    expected = begun.probe.outputs(begun.features)
    assert begun.start() == "probe"
    assert close(begun.outputs, expected)


def test_a_probe_of_small_differences_is_not_begun_from(reviews, tmp_path):
    FAMILIES["roberta"].save(tmp_path)  # drawn at random: all rows look alike to it
    config = config_of(f"table:{reviews}", {"source": f"hf:{tmp_path}", "head": "auto"})
    begun = Beginning(config, head="classifier.out_proj")
    assert steepness(begun.probe, begun.features) > STEEP
    before = begun.outputs
    assert begun.start() == "random"
    assert torch.equal(begun.outputs, before)
    assert "differences that are small beside the features" in begun.notes.notes[-1]


def test_of_scaled_features_an_output_is_as_steep():
    features = torch.tensor([[3.0, 4.0], [-3.0, 4.0]])
    probe = LinearProbe(
        weight=torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        bias=torch.zeros(2),
        mean=torch.zeros(2),
        scale=torch.tensor([1.0, torch.inf]),
    )
    # The first output varies by 3 over rows of length 5; the second is constant, and counts not.
    assert steepness(probe, features) == pytest.approx(5 / 3)
    scaled = replace(probe, scale=10 * probe.scale)
    assert steepness(scaled, 10 * features) == pytest.approx(5 / 3)


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_a_head_without_a_bias_reads_the_offset_off_the_features(reviews, kind, tmp_path):
    FAMILIES[kind].save(tmp_path)
    config = config_of(f"table:{reviews}", {"source": f"hf:{tmp_path}"})
    begun = Beginning(config, head="score", pool="last")
    assert begun.student.tap.layer.bias is None
    expected = begun.probe.outputs(begun.features)
    assert begun.start() == "probe"
    error = begun.outputs.log_softmax(dim=1) - expected.log_softmax(dim=1)
    assert error.square().mean().sqrt() < 0.3 * expected.log_softmax(dim=1).std() + 0.05
    truth = begun.plan.training.labels
    scores = [begun.plan.task.score(logits, truth) for logits in (begun.outputs, expected)]
    assert scores[0] == pytest.approx(scores[1], abs=0.1)


def test_a_python_student_begins_with_the_probes_logits(digits):
    begun = Beginning(config_of(f"folder:{digits}", PYTHON))
    expected = begun.probe.outputs(begun.features)
    assert begun.start() == "probe"
    assert close(begun.outputs, expected)


@pytest.fixture
def measured(digits, tmp_path):
    """A table of digits with several labels, and two targets, one of them not always known."""
    rows = []
    for number, file in enumerate(sorted((digits / "train").rglob("*.jpg"))):
        name = file.parent.name
        labels = [word for word, so in (("odd", name != "eight"), ("low", name == "three")) if so]
        value = {"three": 1003.0, "five": 1005.0, "eight": 1008.0}[name]
        rows.append(
            {
                "image": str(file),
                "label": ";".join(labels),
                "value": value,
                "half": None if number % 9 == 0 else value / 2,
            }
        )
    for split, lines in {"train": rows[::2] + rows[1::4], "test": rows[3::4]}.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (tmp_path / f"{split}.jsonl").write_text(text)
    return f"table:{tmp_path}"


def test_several_labels(measured):
    config = config_of(measured, PYTHON, task="multi-label", label_separator=";", params=ABSOLUTE)
    begun = Beginning(config)
    expected = begun.probe.outputs(begun.features)
    assert begun.start() == "probe"
    assert close(begun.outputs, expected)


def test_regression_begins_in_standardized_targets(measured):
    config = config_of(
        measured, PYTHON, task="regression", label=["value", "half"], params=ABSOLUTE
    )
    begun = Beginning(config)
    expected = begun.probe.outputs(begun.features)
    assert begun.start() == "probe"
    in_units = begun.plan.task.scaling.to_units(begun.outputs)
    assert has_label(begun.plan.training.labels).any()
    assert torch.allclose(in_units, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("source", "params", "modality", "begins"),
    [
        ("timm:resnet18", {}, "image", "probe"),
        ("timm:resnet18", {"weights": "random"}, "image", "random"),
        ("hf:bert", {"layers": 2}, "text", "probe"),
        ("hf:bert", {"weights": "random"}, "text", "random"),
        ("python:mine:student", {}, "text", "random"),
        ("timm:resnet18+hf:bert", {}, "image+text", "random"),
    ],
)
def test_weights_decide_how_the_head_begins(source, params, modality, begins):
    assert head_of(StudentConfig(source=source, params=params), modality=modality) == begins
    for head in ("probe", "random"):
        settings = StudentConfig(source=source, params=params, head=head)
        assert head_of(settings, modality=modality) == head


def test_a_run_says_how_the_head_began_and_what_comes_of_it(small):
    small = small.replace({"train.lr": 1e-9, "transfer.method": "stl", "train.batch_size": 60})
    random = run(small)
    probe = run(small.replace({"student.head": "probe", "output.dir": f"{small.output.dir}-2"}))
    assert (random.student.head, probe.student.head) == ("random", "probe")
    assert probe.metrics["train"]["accuracy"] > random.metrics["train"]["accuracy"]
    assert probe.metrics["train"]["accuracy"] > 0.9  # it has hardly moved from the probe


def test_a_class_of_one_row_is_refused_or_told(digits, tmp_path):
    lonely = tmp_path / "digits"
    for file in sorted(digits.rglob("*.jpg")):
        if file.parent.name == "five" and file.stem not in ("00", "20"):
            continue
        copy = lonely / file.relative_to(digits)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    with pytest.raises(DataError, match=r"student\.head = 'probe': class 'five' has a single row"):
        Beginning(config_of(f"folder:{lonely}", PYTHON)).start()
    student = {"source": "timm:test_resnet", "params": {"weights": "random"}}
    begun = Beginning(config_of(f"folder:{lonely}", student))
    pretrained = begun.plan.config.student.model_copy(update={"head": "auto", "params": {}})
    begun.plan.config.__dict__["student"] = pretrained
    before = begun.outputs
    assert begun.start() == "random"
    assert torch.equal(begun.outputs, before)
    assert any("begins at random, not from a probe" in note for note in begun.notes.notes)


def test_the_tap_may_read_another_layer(digits):
    begun = Beginning(config_of(f"folder:{digits}", PYTHON | {"tap": "1"}), head="3")
    expected = begun.probe.outputs(begun.features)
    assert begun.start() == "probe"
    assert begun.student.tap.path == "1"
    assert close(begun.outputs, expected)


def test_outputs_that_are_changed_after_the_head_are_refused(digits):
    student = PYTHON | {"source": "python:small_parts:sharpened"}
    begun = Beginning(config_of(f"folder:{digits}", student))
    before = begun.outputs
    with pytest.raises(StudentError, match="but changed after it"):
        begun.start()
    assert torch.equal(begun.outputs, before)


def test_a_head_on_a_product_is_refused_before_anything_is_computed(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    row = {"image": "a.png", "text": "a", "label": "x"}
    for split in ("train", "test"):
        lines = [row | {"label": label, "text": label} for label in "xyxy"]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(o) + "\n" for o in lines))
    student = {"source": "timm:test_resnet+hf:nowhere"}
    with pytest.raises(ConfigError, match="linear in the product of their features"):
        Plan.of(config_of(f"table:{tmp_path}", student, image="image", text="text"))


def test_a_recipe_may_say_it_of_a_student_that_is_chosen_later():
    recipe = {"data": {"source": "folder:x"}, "student": {"head": "random"}}
    stl = {"transfer": {"method": "stl"}}
    assert load_config([recipe, stl]).student is None
    later = load_config([recipe, stl, {"student": {"source": "timm:resnet18"}}])
    assert later.student.head == "random"
    compared = {"compare": {"students": [{"source": "timm:a"}, {"source": "b", "head": "probe"}]}}
    students = load_config([recipe, stl, compared]).compare.students
    assert [student.head for student in students] == ["random", "probe"]
    with pytest.raises(ConfigError, match=r"student\.source"):
        load_config([recipe, stl, {"student": {"frozen": True}}])
