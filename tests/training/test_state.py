"""When a checkpoint is due by time."""

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from tutelage.config import TrainConfig
from tutelage.errors import TrainingError
from tutelage.regularizers import KD, AFTLoss
from tutelage.training import state
from tutelage.training.checkpoint import load_checkpoint, save_checkpoint
from tutelage.training.clock import Clock
from tutelage.training.optimizers import Optimizers, learning_rate
from tutelage.training.state import TrainState


def begun(settings: TrainConfig, *, rows=None, clock=None) -> TrainState:
    model = nn.Linear(2, 2)
    optimizers = Optimizers.of(model, KD(2, [3]), settings=settings, transfer_lr=1e-2)
    accelerator = Accelerator(cpu=True)
    parts = {"rows": rows or {}, "clock": clock or Clock(), "accelerator": accelerator}
    return TrainState(model, optimizers, settings, digest="a", **parts)


def test_a_checkpoint_is_due_after_a_while_and_not_again_at_once(monkeypatch, tmp_path):
    settings = TrainConfig(steps=10)
    train_state = begun(settings)
    assert not train_state.overdue(settings)
    monkeypatch.setattr(state, "PATIENCE", -1.0)
    assert train_state.overdue(settings)
    assert not train_state.overdue(settings.model_copy(update={"checkpoint_every": 0}))
    monkeypatch.setattr(state, "PATIENCE", 60.0)
    train_state.save(tmp_path / "checkpoint.safetensors")
    assert not train_state.overdue(settings)


def step(train_state: TrainState) -> None:
    train_state._learner(torch.ones(1, 2)).sum().backward()
    train_state._optimizers.main.step()
    train_state._optimizers.main.zero_grad()
    train_state.advance()


def test_a_state_continues_where_it_was_saved(tmp_path):
    settings = TrainConfig(steps=10, warmup=4)
    before, after = begun(settings), begun(settings)
    for _ in range(3):
        step(before)
    before.save(tmp_path / "checkpoint.safetensors")
    after.load(tmp_path / "checkpoint.safetensors")
    for train_state in (before, after):
        step(train_state)
    assert (after.step, after.lr) == (4, before.lr)
    parameters = zip(before._learner.parameters(), after._learner.parameters(), strict=True)
    assert all(torch.equal(ours, theirs) for ours, theirs in parameters)


def test_a_run_of_another_number_of_processes_is_not_continued(tmp_path):
    path, settings = tmp_path / "checkpoint.safetensors", TrainConfig(steps=10)
    one = begun(settings)
    parts = {"learner": one._learner, "optimizers": one._optimizers.by_name}
    numbers = {"step": 3, "identity": "a", "scaler": {}}
    # Steps that are found automatically are others for other processes, and so is the identity.
    save_checkpoint(path, **parts, numbers=numbers | {"processes": 2, "identity": "b"})
    with pytest.raises(
        TrainingError, match=r"begun with 2 processes, not 1.*--nproc-per-node 2 -m"
    ):
        one.load(path)
    save_checkpoint(path, **parts, numbers=numbers)  # of a version that did not say
    one.load(path)
    assert one.step == 3
    one.save(path)
    assert load_checkpoint(path, **parts)["processes"] == 1


def test_a_run_on_rows_that_changed_is_not_continued(tmp_path):
    path, settings = tmp_path / "checkpoint.safetensors", TrainConfig(steps=10)
    begun(settings, rows={"train": "1f", "unlabelled": "2f"}).save(path)
    with pytest.raises(TrainingError, match=r"begun on other train rows than the data has now"):
        begun(settings, rows={"train": "3f", "unlabelled": "2f"}).load(path)
    begun(settings, rows={"train": "1f", "unlabelled": "2f"}).load(path)


def test_a_checkpoint_holds_the_seconds_of_its_run(tmp_path):
    path, settings = tmp_path / "checkpoint.safetensors", TrainConfig(steps=10)
    before, after = Clock(), Clock()
    before.seconds = {"prepare": 2.0, "train": 50.0}
    after.seconds = {"prepare": 1.0, "extract": 3.0}
    begun(settings, clock=before).save(path)
    begun(settings, clock=after).load(path)
    assert after.seconds == {"prepare": 3.0, "extract": 3.0, "train": 50.0}
    assert after.started == before.started


def test_the_rate_of_bi_level_weights_follows_the_schedule_too(tmp_path):
    settings = TrainConfig(steps=10, warmup=2, lr=0.1)
    weights = AFTLoss(2, [3], inner_steps=1)

    def begun() -> TrainState:
        optimizers = Optimizers.of(nn.Linear(2, 2), weights, settings=settings, transfer_lr=None)
        parts = {"rows": {}, "clock": Clock(), "accelerator": Accelerator(cpu=True)}
        return TrainState(nn.Linear(2, 2), optimizers, settings, digest="a", **parts)

    def take_step(train_state: TrainState) -> None:
        for one in train_state._optimizers.by_name.values():
            one.step()
        train_state.advance()

    def rates(train_state: TrainState) -> list[float]:
        made = train_state._optimizers.by_name.values()
        return [one.param_groups[0]["lr"] for one in made]

    train_state, share = begun(), learning_rate(settings)
    for number in range(settings.steps):
        assert rates(train_state) == pytest.approx([0.1 * share(number), 0.01 * share(number)])
        if number == 4:
            train_state.save(tmp_path / "checkpoint.safetensors")
        take_step(train_state)
    resumed = begun()
    resumed.load(tmp_path / "checkpoint.safetensors")
    take_step(resumed)
    assert rates(resumed) == pytest.approx([0.1 * share(5), 0.01 * share(5)])
