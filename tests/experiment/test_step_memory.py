"""Memory of a step: by hand for small students, of the longest text, and refused before teachers run."""

import pytest
import torch

from tutelage.errors import TrainingError
from tutelage.experiment import step_memory as module
from tutelage.experiment.parts import build_student
from tutelage.experiment.plan import Plan
from tutelage.experiment.rehearsal import rehearse
from tutelage.experiment.run import run
from tutelage.experiment.step_memory import longest_row, refuse_step_without_room, step_memory
from tutelage.training.accelerator import accelerator_for

PIXELS, HIDDEN, CLASSES = 3 * 32 * 32, 8, 3
WEIGHTS = 4 * ((PIXELS + 1) * HIDDEN + (HIDDEN + 1) * CLASSES)
OF_A_ROW = 4 * (PIXELS + HIDDEN)
"""The pixels, and what the hidden layer gives."""


@pytest.fixture
def texts(reviews, small_bert, tmp_path, small):
    """Twenty texts, of which the seventh is the longest, and a small BERT."""
    (folder := tmp_path / "rows").mkdir()
    for split in ("train", "test"):
        lines = [
            f"{split}{number},{'fine ' * (30 if number == 6 else 3)},{number % 2}\n"
            for number in range(20)
        ]
        (folder / f"{split}.csv").write_text("id,text,label\n" + "".join(lines))
    return small.replace(
        {
            "data": {"source": f"table:{folder}", "label": "label", "id": "id"},
            "teachers": [],
            "student": {"source": f"hf:{small_bert}"},
            "transfer": {"method": "stl"},
        }
    )


def measured(config):
    plan = Plan.of(config)
    student = build_student(plan)
    return step_memory(student, plan.looks, **of_a_pass(plan)), plan, student


def of_a_pass(plan):
    settings = plan.config.train
    accelerator = accelerator_for(plan.config)
    return {"rows": plan.rows_of_a_pass, "settings": settings, "accelerator": accelerator}


@pytest.mark.parametrize(("optimizer", "numbers"), [("adam", 3), ("sgd", 2)])
def test_the_memory_is_that_of_the_layers(small, optimizer, numbers):
    found, _, _ = measured(small.replace({"train.optimizer": optimizer}))
    assert found.rows == 12
    assert found.of_a_row == OF_A_ROW
    assert found.fixed == numbers * WEIGHTS
    assert found.total == numbers * WEIGHTS + 12 * OF_A_ROW


def test_the_longest_text_counts(texts):
    found, plan, student = measured(texts)
    assert found.tokens == 32  # with those at both ends
    assert student.input.cost(longest_row(plan.looks, student.input)) == 32
    short, _, _ = measured(texts.replace({"student.params": {"max_length": 5}}))
    assert short.tokens == 5
    assert 5 < found.of_a_row / short.of_a_row < 9


def test_nothing_is_changed(small):
    config = small.replace({"student.source": "python:small_parts:normalized_student"})
    plan = Plan.of(config)
    student = build_student(plan)
    before = {name: value.clone() for name, value in student.model.state_dict().items()}
    drawn = torch.random.get_rng_state()
    step_memory(student, plan.looks, **of_a_pass(plan))
    assert torch.equal(torch.random.get_rng_state(), drawn)
    after = student.model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_a_step_that_does_not_fit_is_refused_before_teachers_run(small, tmp_path, monkeypatch):
    needed = 3 * WEIGHTS + 12 * OF_A_ROW
    monkeypatch.setattr(module, "free_memory", lambda: needed)
    run(small)
    monkeypatch.setattr(module, "free_memory", lambda: needed - 1)
    again = small.replace({"output.dir": tmp_path / "again", "cache.dir": tmp_path / "other"})
    with pytest.raises(TrainingError, match=r"step of 12 rows, takes about") as refused:
        run(again)
    said = str(refused.value)
    assert "train.batch_size = 6 with train.accumulate = 2" in said
    assert "train.gradient_checkpointing = true" in said
    assert not (tmp_path / "other").exists()
    with pytest.raises(TrainingError, match="step of 12 rows"):
        rehearse(Plan.of(again), [9, 4])


def test_processes_of_a_machine_share_its_memory(texts, monkeypatch):
    found, plan, student = measured(texts)
    monkeypatch.setattr(module, "free_memory", lambda: 2 * found.total - 2)
    given = of_a_pass(plan)
    assert refuse_step_without_room(student, plan.looks, **given) == found.total
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(TrainingError, match=r"the longest has 32 tokens.* max_length"):
        refuse_step_without_room(student, plan.looks, **given)


def test_a_rehearsal_counts_the_longest_text(texts):
    found, plan, _ = measured(texts)
    assert rehearse(plan, []).memory.activations >= found.activations
