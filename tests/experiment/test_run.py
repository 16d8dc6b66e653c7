"""One experiment: what it leaves, what it says, and that a finished one is not run again."""

import pytest
import small_parts
import torch
from safetensors.torch import load_file

from tutelage import run
from tutelage.experiment.plan import Plan
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


@pytest.mark.parametrize("evaluate", ["test", "holdout"])
def test_test_rows_are_not_followed_during_training(small, evaluate):
    seen, notes = [], Notes()
    config = small.replace({"train.eval_every": 1, "data.evaluate": evaluate, "data.holdout": 0.3})
    result = run(config, progress=notes, on_evaluation=lambda step, _: seen.append(step))
    assert seen == ([1, 2] if evaluate == "holdout" else [])
    said = [note for note in notes.notes if "train.eval_every is not used" in note]
    assert len(said) == (evaluate == "test")
    assert set(result.metrics) == {"train", evaluate}
    followed = [line["step"] for line in read_history(config.output.dir) if "holdout_loss" in line]
    assert followed == seen
