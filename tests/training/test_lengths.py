"""Steps that whole epochs come to: every row is seen equally often, and the result says how many."""

from collections import Counter

import pytest

from tutelage import run
from tutelage.config import TrainConfig, load_config
from tutelage.errors import ConfigError
from tutelage.results.result import read_history
from tutelage.training.lengths import with_steps
from tutelage.training.samplers import ShuffledBatches


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


def test_steps_alone_stay_as_they_are():
    settings = TrainConfig(steps=7)
    assert with_steps(settings, labelled=100) is settings


def test_a_run_states_its_steps(digits, tmp_path):
    config = {
        "data": {"source": f"folder:{digits}"},
        "student": {"source": "timm:test_resnet", "params": {"weights": "random"}},
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
    prune = ["train.epochs=3", "tune.prune=true"]
    with pytest.raises(ConfigError, match=r"tune.prune looks at quarters of train.steps"):
        load_config([data], assignments=prune)
    assert load_config([data], assignments=[*prune, "train.eval_every=5"]).train.epochs == 3
