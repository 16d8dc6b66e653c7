"""Steps that the rows or whole epochs come to; the result says how many."""

import math
from collections import Counter

import pytest

from tutelage import run
from tutelage.config import TrainConfig, load_config
from tutelage.errors import ConfigError, TrainingError
from tutelage.progress import Silent
from tutelage.results.result import read_history
from tutelage.training.lengths import StepRule, batch_sizes, length_of
from tutelage.training.samplers import ShuffledBatches


def with_steps(settings, **counts):
    """The settings of the run's length."""
    return length_of(settings, **counts).settings


class Notes(Silent):
    """Keeps what is reported as text."""

    def __init__(self):
        self.lines = []

    def note(self, message):
        self.lines.append(message)


@pytest.mark.parametrize("rows", [96, 100, 1020, 60])
@pytest.mark.parametrize("asked", [{"epochs": 3}, {"steps": 7, "whole_epochs": True}])
def test_every_row_is_seen_equally_often(rows, asked):
    settings = with_steps(TrainConfig(batch_size=32, **asked), labelled=rows)
    seen = Counter(
        view.row
        for batch in ShuffledBatches(range(rows), 32, batches=settings.steps, seed=0)
        for view in batch
    )
    epochs, rest = divmod(settings.steps, rows // 32)
    assert rest == 0
    assert sum(seen.values()) == 32 * settings.steps
    assert max(seen.values()) <= epochs
    if rows % 32 == 0:
        assert set(seen.values()) == {epochs}
    if "steps" in asked:
        assert 7 <= settings.steps < 7 + rows // 32
    else:
        assert epochs == 3
    assert with_steps(settings, labelled=rows) == settings, "once settled, it stays"


@pytest.mark.parametrize("accumulate", [1, 2, 3])
@pytest.mark.parametrize("processes", [1, 2])
def test_a_step_may_take_several_batches(accumulate, processes):
    for steps in range(1, 30):
        settings = TrainConfig(steps=steps, whole_epochs=True, accumulate=accumulate, batch_size=10)
        found = with_steps(settings, labelled=55, processes=processes)
        each = accumulate * processes
        by_hand = next(n for n in range(1, 999) if -(-n * 5 // each) >= steps)
        assert found.steps == -(-by_hand * 5 // each)
        assert with_steps(found, labelled=55, processes=processes) == found


def test_unlabelled_rows_take_their_share_of_a_batch():
    settings = TrainConfig(epochs=2, batch_size=20, unlabelled_share=0.5)
    assert with_steps(settings, labelled=100, unlabelled=30).steps == 20
    assert with_steps(settings, labelled=100).steps == 10
    assert with_steps(settings, labelled=7).steps == 2, "a batch of all there is"


def test_few_unlabelled_rows_leave_room_for_labelled_ones():
    settings = TrainConfig(batch_size=64)
    assert batch_sizes(468, 1, settings=settings) == (63, 1)
    assert batch_sizes(468, 100, settings=settings) == (32, 32)
    assert batch_sizes(20, 100, settings=settings) == (20, 32)
    assert batch_sizes(468, 0, settings=settings) == (64, 0)


def test_steps_alone_stay_as_they_are():
    settings = TrainConfig(steps=7)
    assert with_steps(settings, labelled=100) is settings


def test_a_run_states_its_steps(digits, tmp_path):
    config = {
        "data": {"source": f"folder:{digits}"},
        "student": {
            "source": "timm:test_resnet",
            "params": {"weights": "random", "image_size": 32},
        },
        "transfer": {"method": "stl"},
        "train": {"epochs": 2, "batch_size": 16, "workers": 0, "device": "cpu", "log_every": 1},
        "output": {"dir": str(tmp_path / "run")},
    }
    result = run(load_config([config]))
    assert result.steps == 2 * (60 // 16) == 6
    assert result.config["train"]["steps"] == 6
    assert [line["step"] for line in read_history(tmp_path / "run")] == [1, 2, 3, 4, 5, 6]
    assert run(load_config([config]), resume=True) == result
    rounded = ["train.steps=4", "train.whole_epochs=true", f"output.dir={tmp_path / 'rounded'}"]
    del config["train"]["epochs"]
    again = run(load_config([config], assignments=rounded))
    assert again.steps == 6
    assert again.metrics == result.metrics
    held = [*rounded, "data.evaluate=holdout", "data.holdout=0.4", "output.overwrite=true"]
    assert run(load_config([config], assignments=held)).steps == 4, "36 rows: epochs of 2 steps"


def test_what_does_not_fit():
    with pytest.raises(
        ConfigError, match=r"warmup \(9\) must end before the 6 steps of 2 epochs do"
    ):
        with_steps(TrainConfig(epochs=2, warmup=9, batch_size=10), labelled=30)
    data = {"data": {"source": "folder:x"}, "transfer": {"method": "stl"}}
    for length in ("train.epochs=3", "train.steps=9"):
        with pytest.raises(ConfigError, match=r"tune.patience multiplies train.steps = 'auto'"):
            load_config([data], assignments=[length, "tune.patience=[1, 2]"])
    assert load_config([data], assignments=["tune.patience=[1, 2]"]).train.steps == "auto"
    for patience in ("0", "-1", "inf", "nan"):
        with pytest.raises(ConfigError, match="patience"):
            load_config([data], assignments=[f"train.patience={patience}"])


def test_steps_that_are_not_known_yet():
    assert TrainConfig().steps == "auto"
    with pytest.raises(ValueError, match=r"a number only once the rows are known"):
        _ = TrainConfig().known_steps
    assert TrainConfig(warmup=10**6).warmup == 10**6, "whether it ends depends on the rows"
    with pytest.raises(ConfigError, match=r"warmup \(999\) must end before the 50 steps of train"):
        with_steps(TrainConfig(warmup=999, batch_size=100), labelled=100)
    with pytest.raises(TrainingError, match="it needs two rows"):
        with_steps(TrainConfig(), labelled=1)


@pytest.mark.parametrize("labelled", [4, 30, 300, 5000])
@pytest.mark.parametrize("unlabelled", [0, 50, 9000])
@pytest.mark.parametrize(("accumulate", "processes"), [(1, 1), (2, 3)])
@pytest.mark.parametrize("taught", [False, True])
@pytest.mark.parametrize("patience", [0.25, 1.0, 3.0])
def test_automatic_steps_by_hand(labelled, unlabelled, accumulate, processes, taught, patience):
    settings = TrainConfig(
        batch_size=40, unlabelled_share=0.25, accumulate=accumulate, patience=patience
    )
    counts = {"labelled": labelled, "unlabelled": unlabelled, "processes": processes}
    without = 10 if unlabelled else 0
    step = (min(labelled, 40 - without) + without) * accumulate * processes
    epochs = max(1.0, (labelled + unlabelled) / step)
    steps = patience * (1.5 if taught else 1.0) * max(50 * math.sqrt(epochs), 3 * epochs)
    found = with_steps(settings, **counts, taught=taught)
    assert abs(found.known_steps - steps) <= 0.5 + 1e-9
    assert with_steps(found, **counts, taught=taught) == found, "once settled, it stays"
    rule = StepRule.of(settings, **counts, taught=taught)
    assert str(rule).startswith(
        f"{found.steps:,} steps of {step:,} rows: {'3' if epochs > 280 else '50'}"
    )
    assert ("(teachers)" in str(rule), "patience" in str(rule)) == (taught, patience != 1)
    whole = with_steps(
        settings.model_copy(update={"whole_epochs": True}), **counts, taught=taught
    ).known_steps
    epoch = labelled // min(labelled, 40 - without)
    assert found.known_steps <= whole < found.known_steps + epoch + 1


def test_more_rows_take_more_steps_and_fewer_epochs():
    steps = [with_steps(TrainConfig(), labelled=rows).known_steps for rows in (300, 3000, 30_000)]
    assert steps == sorted(set(steps))
    epochs = [128 * one / rows for one, rows in zip(steps, (300, 3000, 30_000), strict=True)]
    assert epochs == sorted(epochs, reverse=True)


def test_a_length_that_is_given_is_followed():
    for given in (TrainConfig(steps=7, patience=9.0), TrainConfig(epochs=2, patience=9.0)):
        assert StepRule.of(given, labelled=1000) is None
    assert with_steps(TrainConfig(epochs=2, patience=9.0), labelled=1280).steps == 20


def test_a_run_follows_the_rule_and_says_so(digits, tmp_path):
    config = {
        "data": {"source": f"folder:{digits}"},
        "student": {
            "source": "timm:test_resnet",
            "params": {"weights": "random", "image_size": 32},
        },
        "transfer": {"method": "stl"},
        "train": {"patience": 0.1, "batch_size": 15, "workers": 0, "device": "cpu"},
        "output": {"dir": str(tmp_path / "run")},
    }
    notes = Notes()
    result = run(load_config([config]), progress=notes)
    assert result.steps == round(0.1 * 50 * math.sqrt(60 / 15)) == 10
    assert result.automatic_steps
    assert result.config["train"]["steps"] == 10
    rule = "10 steps of 15 rows: 50 x sqrt(60 rows / 15) x patience 0.1"
    assert f"train.steps = 'auto': {rule}" in notes.lines
    assert len(read_history(tmp_path / "run")) == 1
    assert run(load_config([config]), resume=True) == result
    same = ["train.steps=10", f"output.dir={tmp_path / 'same'}"]
    again = run(load_config([config], assignments=same), progress=notes)
    assert again.metrics == result.metrics
    assert not again.automatic_steps
    assert any("train.patience = 0.1 is not used" in line for line in notes.lines)
