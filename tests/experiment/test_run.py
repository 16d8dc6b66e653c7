"""One experiment: what it leaves, what it says, and that a finished one is not run again."""

import json
import shutil

import numpy as np
import pytest
import small_parts
import torch
from safetensors.torch import load_file

from tutelage import run
from tutelage.config import ExperimentConfig
from tutelage.errors import SourceError, TrainingError
from tutelage.experiment.plan import Plan
from tutelage.files.tensors import read_tensors
from tutelage.progress import Silent
from tutelage.results.result import read_history, read_result


class Notes(Silent):
    """Keeps what is reported as text."""

    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def test_metrics_are_those_of_the_saved_student(small, digits):
    result = run(small)
    model = small_parts.student(3)
    model.load_state_dict(load_file(small.output.dir / "student" / "model.safetensors"))
    plan = Plan.of(small)
    for name, split in (("train", plan.training), ("test", plan.evaluated)):
        with torch.no_grad():
            outputs = model(small_parts.pixels(digits, name, split.ids))
        right = (outputs.argmax(dim=1) == split.labels).double().mean().item()
        loss = torch.nn.functional.cross_entropy(outputs, split.labels).item()
        assert result.metrics[name]["accuracy"] == pytest.approx(right)
        assert result.metrics[name]["loss"] == pytest.approx(loss, rel=1e-4)
    assert read_result(small.output.dir) == result
    weights = load_file(small.output.dir / "rho.safetensors")
    assert {name: len(rho) for name, rho in weights.items()} == {"wide": 9, "narrow": 4}


def test_a_finished_run_is_returned_as_it_is(small):
    first, notes = run(small), Notes()
    assert run(small, resume=True, progress=notes) == first
    assert [note for note in notes.notes if "is finished; nothing is left to do" in note]


def test_a_run_repeats(small, tmp_path):
    first = run(small)
    again = run(small.replace({"output.dir": tmp_path / "again"}))
    other = run(small.replace({"output.dir": tmp_path / "other", "seed": 1}))
    assert again.metrics == first.metrics
    assert other.metrics != first.metrics


@pytest.mark.parametrize(("lr", "diverged"), [(30.0, True), (1e-4, False)])
def test_a_student_that_training_made_worse_is_named(small, lr, diverged):
    notes = Notes()
    result = run(small.replace({"train.lr": lr, "transfer.method": "stl"}), progress=notes)
    for said in (result.student.doubts, notes.notes):
        assert any("training diverged: on training rows" in word for word in said) == diverged


@pytest.mark.parametrize("evaluate", ["test", "holdout"])
def test_test_rows_are_not_followed_during_training(small, evaluate):
    seen, notes = [], Notes()
    config = small.replace({"train.eval_every": 1, "data.evaluate": evaluate, "data.holdout": 0.3})
    result = run(config, progress=notes, on_evaluation=lambda step, _: seen.append(step))
    assert seen == ([1, 2] if evaluate == "holdout" else [])
    said = [note for note in notes.notes if "train.eval_every = 1 is not used" in note]
    assert len(said) == (evaluate == "test")
    assert set(result.metrics) == {"train", evaluate}
    followed = [line["step"] for line in read_history(config.output.dir) if "holdout_loss" in line]
    assert followed == seen


class StoppedError(Exception):
    """The run was stopped."""


def test_an_interrupted_run_is_continued_on_the_same_rows_alone(small, digits, tmp_path):
    source = shutil.copytree(digits, tmp_path / "digits")
    changes = {"data.source": f"folder:{source}", "data.evaluate": "holdout", "teachers": ()}
    config = small.replace(changes | {"transfer.method": "stl", "train.steps": 3}).replace(
        {"train.checkpoint_every": 1, "train.eval_every": 1, "transfer.beta": 0.0}
    )

    def stop(step: int, metrics: object) -> None:
        if step == 2:
            raise StoppedError

    with pytest.raises(StoppedError):
        run(config, on_evaluation=stop)
    picture = next((source / "train").rglob("*.jpg"))
    content = picture.read_bytes()
    picture.write_bytes(content + b"0")
    with pytest.raises(TrainingError, match=r"begun on other .*train.* rows than the data has now"):
        run(config, resume=True)
    picture.write_bytes(content)
    checkpoint = config.output.dir / "checkpoint.safetensors"
    kept = json.loads(read_tensors(checkpoint)[1]["tutelage"])["numbers"]["clock"]
    result = run(config, resume=True)
    assert sum(result.seconds.values()) > sum(kept["seconds"].values()) > 0
    assert kept["started"].startswith(result.started.partition("+")[0])


def test_of_many_training_rows_a_sample_is_measured(small, digits, tmp_path):
    assert small.train.scored_rows == 10_000
    whole = run(small.replace({"train.scored_rows": "all"}))
    sample = run(small.replace({"train.scored_rows": 7, "output.dir": tmp_path / "sample"}))
    again = run(
        small.replace(
            {"train.scored_rows": 7, "output.dir": tmp_path / "again", "transfer.method": "stl"}
        )
    )
    assert sample.metrics["test"] == whole.metrics["test"]
    assert sample.metrics["train"] != whole.metrics["train"]
    order = np.random.default_rng(small.data.split_seed).permutation(60)[:7]
    training = Plan.of(small).training
    drawn = training.select(sorted(order.tolist()))
    for result in (sample, again):
        model = small_parts.student(3)
        folder = result.config["output"]["dir"]
        model.load_state_dict(load_file(f"{folder}/student/model.safetensors"))
        with torch.no_grad():
            outputs = model(small_parts.pixels(digits, "train", drawn.ids))
        loss = torch.nn.functional.cross_entropy(outputs, drawn.labels).item()
        assert result.metrics["train"]["loss"] == pytest.approx(loss, rel=1e-4)


def test_settings_without_effect_and_a_teacher_that_decides_alone_are_told_before_training(small):
    notes = Notes()
    config = small.replace(
        {
            "transfer.standardize": False,
            "transfer.mix": 0.1,
            "teachers.0.source": "python:small_parts:loud",
        }
    )
    run(config, progress=notes)
    (unused,) = [note for note in notes.notes if "is not used" in note]
    assert unused.startswith("transfer.mix = 0.1 is not used: aft learns no soft labels")
    before, after = [note for note in notes.notes if "narrow hardly counts" in note]
    assert before.startswith("wide holds 99.")
    assert after.startswith("after training, wide holds 99.")
    quiet = Notes()
    run(config.replace({"transfer.standardize": "auto", "output.overwrite": True}), progress=quiet)
    assert not [note for note in quiet.notes if "hardly counts" in note]


def test_teachers_that_tell_nothing_are_refused_and_one_among_others_is_told(small):
    notes = Notes()
    config = small.replace({"teachers.0.source": "python:small_parts:dead"})
    run(config.replace({"train.steps": 1}), progress=notes)
    assert [n for n in notes.notes if n.startswith("wide: all 9 columns are zero in all 60 rows")]
    config = config.replace(
        {"output.overwrite": True, "teachers.1.source": "python:small_parts:dead"}
    )
    with pytest.raises(SourceError, match="wide and narrow are the same in all 60 training rows"):
        run(config)
    run(config.replace({"transfer.method": "stl"}))


@pytest.mark.parametrize(("offset", "told"), [(0, False), (100_000_000, True)])
def test_a_target_that_float32_predictions_cannot_resolve_is_told(tmp_path, digits, offset, told):
    lines = []
    for number, file in enumerate(sorted((digits / "train").rglob("*.jpg"))):
        lines.append(json.dumps({"image": str(file), "label": offset + number}))
    (tmp_path / "rows.jsonl").write_text("\n".join(lines))
    notes = Notes()
    config = ExperimentConfig.model_validate(
        {
            "data": {
                "source": f"table:{tmp_path / 'rows.jsonl'}",
                "task": "regression",
                "params": {"outside_paths": True},
            },
            "student": {"source": "python:small_parts:student", "input": {"image_size": 32}},
            "transfer": {"method": "stl"},
            "train": {"steps": 1, "batch_size": 12, "workers": 0, "device": "cpu"},
            "output": {"dir": tmp_path / "run"},
        }
    )
    run(config, progress=notes)
    found = [note for note in notes.notes if "subtract a constant from it" in note]
    assert len(found) == told
    assert all(note.startswith("the target 'label' is 1000000") for note in found)


def test_features_held_on_the_device_change_no_bit(small, tmp_path):
    losses = []
    for held in (True, False):
        settings = {"cache.on_device": held, "train.log_every": 1, "data.views": 1}
        result = run(small.replace(settings | {"output.dir": tmp_path / f"{held}"}))
        losses.append((result.metrics, read_history(tmp_path / f"{held}")))
    assert losses[0] == losses[1]
    assert len(losses[0][1]) == small.train.steps
