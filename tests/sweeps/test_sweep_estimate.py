"""What a search or a comparison would take: the runs that are left, counted by hand."""

import shutil
from typing import Any

import pytest
import tomli_w
from digit_search import counts, files, runs_of, search_table, with_
from optuna.trial import TrialState

from tutelage import run
from tutelage.config import ExperimentConfig
from tutelage.data.row_digests import source_digests
from tutelage.errors import ConfigError, TrainingError
from tutelage.experiment.plan import Plan
from tutelage.sweeps.compare import compare
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import space_of
from tutelage.sweeps.sweep_estimate import estimate_comparison, estimate_search
from tutelage.sweeps.tune import tune


@pytest.fixture
def table(digits, tmp_path, monkeypatch) -> dict[str, Any]:
    return search_table(digits, tmp_path, monkeypatch)


def test_a_search_has_its_points_and_a_last_run(table, tmp_path):
    config = with_(table, "tune.lr=[0.1, 0.2]", "tune.seeds=3")
    expected = estimate_search(config, methods=["stl", "aft"])
    assert counts(expected) == {
        "small alone, on the hold-out": 2 * 3,
        "small taught, on the hold-out": 4 * 3,
        "small taught, on all training rows": 1,
    }
    (teacher,) = expected.teachers
    assert (teacher.name, teacher.estimate.width) == ("pixels", 64)
    assert not (tmp_path / "out").exists()
    drawn = estimate_search(with_(table, "tune.samples=5", "tune.lr=[0.1, 0.2]"), methods=["stl"])
    assert list(counts(drawn).values()) == [5, 1]
    assert drawn.teachers == ()


def test_finished_runs_are_not_counted(table):
    config = with_(table)
    tune(config, methods=["aft"])
    assert estimate_search(config, methods=["aft"]).runs == ()
    both = config.replace({"output.dir": config.output.dir / "both"})
    compare(both, methods=["stl"], seeds=2)
    left = counts(estimate_comparison(both, methods=["stl", "aft"], seeds=3))
    assert left == {
        "small alone, on all training rows": 1,
        "small taught, on all training rows": 3,
    }


def test_a_tuned_comparison_chooses_first(table):
    expected = estimate_comparison(with_(table), methods=["stl", "aft", "rkd"], seeds=2, tune=True)
    found = counts(expected)
    assert found["small taught, on the hold-out"] == 4  # stl has nothing to choose
    assert found["small alone, on all training rows"] == 2
    assert found["small taught, on all training rows"] == 4


def test_longer_runs_take_longer(table):
    table["train"]["steps"] = "auto"
    config = with_(table, "tune.patience=[1.0]", "data.holdout=0.5")
    some = estimate_search(config, methods=["stl"]).runs[0]
    more = estimate_search(config.replace({"tune.patience": (1.0, 40.0)}), methods=["stl"]).runs[0]
    assert (some.count, more.count) == (1, 2)
    assert more.seconds > 5 * some.seconds


def test_what_would_end_the_search_is_told(table):
    with pytest.raises(ConfigError, match=r"data.evaluate = 'holdout'"):
        estimate_search(with_(table, "data.evaluate=holdout"))


def test_a_folder_of_another_search_is_refused_as_by_the_search(table, tmp_path):
    tune(with_(table), methods=["stl"], retrain=False)
    before = files(tmp_path)
    for given in (with_(table, "train.lr=0.5"), with_(table, "data.limit=30")):
        with pytest.raises(ConfigError, match="holds a search ") as told:
            estimate_search(given, methods=["stl"])
        with pytest.raises(ConfigError) as told_by_search:
            tune(given, methods=["stl"], retrain=False)
        assert str(told.value) == str(told_by_search.value)
    estimate_search(with_(table), methods=["stl"])
    assert files(tmp_path) == before


def test_a_folder_of_another_comparison_is_refused_as_by_the_comparison(table, tmp_path):
    compare(with_(table), methods=["stl"], seeds=1)
    before = files(tmp_path / "out")
    given = with_(table, "train.lr=0.5")
    with pytest.raises(ConfigError, match="holds a comparison with other settings") as told:
        estimate_comparison(given, methods=["stl"])
    with pytest.raises(ConfigError) as told_by_comparison:
        compare(given, methods=["stl"], seeds=1)
    assert str(told.value) == str(told_by_comparison.value)
    (tmp_path / "out" / "rows.json").write_text('{"train": "others"}')
    with pytest.raises(ConfigError, match="holds a comparison on other train rows"):
        estimate_comparison(with_(table), methods=["stl"])
    del before[tmp_path / "out" / "rows.json"]
    assert before.items() <= files(tmp_path / "out").items()


def test_a_study_elsewhere_is_not_created(table, tmp_path):
    for storage in (tmp_path / "study.journal", f"sqlite:///{tmp_path}/study.db"):
        given = with_(table, f"tune.storage={storage}")
        assert counts(estimate_search(given, methods=["stl"]))["small alone, on the hold-out"] == 1
        assert not list(tmp_path.glob("*study*"))


def interrupted(config: ExperimentConfig, *, methods: list[str]) -> None:
    """A search whose first point was left by a killed process, and whose second one diverged."""
    search = Search(config, space_of(config, methods))
    plan = Plan.of(search.held_out)
    search.begin(source_digests(plan.data, plan.splits))
    first, its_lock = search.take()
    second, lock = search.take()
    second.set_user_attr("reason", "the loss is nan")
    search.tell(second, state=TrialState.FAIL)
    first.study.enqueue_trial(search._next(2, first.study.trials))  # nobody asked for it yet
    lock.release()
    its_lock.release()


@pytest.mark.parametrize("more", ["tune.seeds=1", "tune.samples=6", "tune.seeds=2"])
def test_an_interrupted_search_has_the_runs_that_it_goes_on_with(table, tmp_path, more):
    config = with_(table, "tune.lr=[0.1, 0.2]", more)
    interrupted(config, methods=["aft"])
    before = files(tmp_path / "out")
    left = sum(counts(estimate_search(config, methods=["aft"])).values())
    assert files(tmp_path / "out") == before
    assert runs_of(lambda: tune(config, methods=["aft"]), tmp_path / "out") == left
    assert estimate_search(config, methods=["aft"]).runs == ()


def test_a_point_that_diverged_is_not_tried_again_by_a_search(table, tmp_path):
    config = with_(table, "tune.lr=[0.1, 1e38]")
    tune(config, methods=["stl"], retrain=False)
    assert counts(estimate_search(config, methods=["stl"])) == {
        "small alone, on all training rows": 1
    }
    hopeless = with_(table, "tune.lr=[1e38]", f"output.dir={tmp_path / 'hopeless'}")
    told = estimate_search(hopeless, methods=["stl"]).failing
    assert [one.name for one in told] == ["stl-lr-1e+38", "chosen"]
    assert "the loss is" in told[0].reason
    with pytest.raises(TrainingError, match="no point could be finished") as of_search:
        tune(hopeless, methods=["stl"])
    with pytest.raises(TrainingError) as of_estimate:
        estimate_search(hopeless, methods=["stl"])
    assert str(of_estimate.value) == str(of_search.value)


def test_points_that_share_a_folder_are_one_run(table, tmp_path):
    config = with_(table, "tune.samples=4")
    assert list(counts(estimate_search(config, methods=["stl"])).values()) == [1, 1]
    assert runs_of(lambda: tune(config, methods=["stl"]), tmp_path / "out") == 2


def test_a_last_run_of_other_settings_is_left(table, tmp_path):
    config = with_(table)
    tune(config, methods=["stl"], retrain=False)
    run(
        config.replace({"transfer.method": "stl", "seed": 9, "output.dir": tmp_path / "out/chosen"})
    )
    assert list(counts(estimate_search(config, methods=["stl"])).values()) == [1]
    assert runs_of(lambda: tune(config, methods=["stl"]), tmp_path / "out") == 1


def test_what_a_comparison_chose_is_followed(table, tmp_path):
    table["train"]["steps"] = "auto"
    table["tune"] = {"beta": [1.0], "patience": [0.2, 2.0], "lr": [0.1]}
    config = with_(table, "data.holdout=0.5", "train.batch_size=30")
    asked = {"methods": ["stl", "aft"], "tune": True}
    found = compare(config, **asked, seeds=1)
    assert estimate_comparison(config, **asked, seeds=1).runs == ()
    more = estimate_comparison(config, **asked, seeds=2)
    assert [one.count for one in more.runs] == [1, 1]
    for row, left in zip(found.rows, more.runs, strict=True):
        chosen = {"tune.patience": (), "train.patience": row.settings["patience"]}
        plain = config.replace(chosen | {"output.dir": tmp_path / "plain"})
        (alike,) = estimate_comparison(plain, methods=[row.method], seeds=1).runs
        assert left.seconds == pytest.approx(alike.seconds, rel=0.7)
    assert runs_of(lambda: compare(config, **asked, seeds=2), tmp_path / "out") == 2


def test_runs_of_a_comparison_that_failed_are_tried_again(table, tmp_path):
    config = with_(table, "tune.lr=[0.1, 1e38]")
    asked = {"methods": ["stl"], "seeds": 2, "tune": True}
    compare(config, **asked)
    expected = estimate_comparison(config, **asked)
    assert [(one.name, one.count) for one in expected.runs] == [("small alone, on the hold-out", 1)]
    assert runs_of(lambda: compare(config, **asked), tmp_path / "out") == 1
    shutil.rmtree(tmp_path / "out" / "runs")
    left = sum(one.count for one in estimate_comparison(config, **asked).runs)
    assert runs_of(lambda: compare(config, **asked), tmp_path / "out") == left == 3


def test_each_share_of_the_rows_has_features_of_its_own(table, tmp_path):
    config = with_(table, "compare.fractions=[0.5, 1.0]")
    expected = estimate_comparison(config, methods=["stl", "aft"], seeds=1)
    assert [one.estimate.rows - one.estimate.cached for one in expected.teachers] == [30, 60]
    assert expected.extraction == sum(one.estimate.seconds for one in expected.teachers)
    compare(config, methods=["stl", "aft"], seeds=1)
    cached = estimate_comparison(config, methods=["stl", "aft"], seeds=2)
    assert [one.estimate.rows - one.estimate.cached for one in cached.teachers] == [0, 0]


BROKEN = """
from tutelage import Regularizer

class Broken(Regularizer):
    def compare(self, student, teacher):
        raise RuntimeError("cold outside")
"""


def test_rows_that_fail_are_told_and_the_others_estimated(table, tmp_path):
    (tmp_path / "broken_method.py").write_text(BROKEN)
    gone = {"source": f"features:{tmp_path}/gone_{{split}}.npy", "name": "gone"}
    table["teachers"].append(gone)
    table["compare"] = {
        "students": [table["student"], {"source": "python:nowhere:to_be_found"}],
        "methods": ["stl", "broken_method:Broken", "aft"],
        "teachers": [["pixels"], ["gone"]],
        "seeds": 2,
    }
    del table["student"]
    expected = estimate_comparison(with_(table))
    assert not (tmp_path / "out").exists()
    assert counts(expected) == {
        "small alone, on all training rows": 2,
        "small taught, on all training rows": 2,
    }
    told = [row.reason for row in expected.failing]
    found = compare(with_(table))
    assert len(told) == sum(row.score is None for row in found.rows) == 8
    for row in found.rows:
        assert (row.reason in told) == (row.score is None), (row.reason, told)
    assert sum("cold outside" in reason for reason in told) == 1


def test_a_comparison_without_a_row_that_can_be_run_is_refused(table):
    table["student"]["source"] = "python:nowhere:to_be_found"
    with pytest.raises(TrainingError, match="no run could be finished; the first said: ") as told:
        estimate_comparison(with_(table), methods=["stl", "aft"])
    with pytest.raises(TrainingError) as told_by_comparison:
        compare(with_(table), methods=["stl", "aft"])
    assert str(told.value) == str(told_by_comparison.value)


def test_the_command_prints_the_runs(table, command):
    with open("config.toml", "wb") as file:
        tomli_w.dump(table, file)
    status, said, _ = command("tune", "config.toml", "--dry-run", "--jobs", "2")
    assert status == 0
    assert "2  small taught, on the hold-out" in said
    assert "all, one after the other: " in said
    assert "with --jobs 2: " in said
    status, said, _ = command("compare", "config.toml", "--methods", "stl", "--dry-run")
    assert status == 0
    assert "1  small alone, on all training rows" in said
    more = ["--set", "transfer.params={kernl=1}", "--methods", "stl,aft"]
    status, said, _ = command("compare", "config.toml", "--dry-run", *more)
    assert status == 1
    assert "aft would fail: unknown transfer.params.kernl" in said
    assert "small alone, on all training rows" in said
    assert command("tune", "config.toml", "--dry-run", "--gpus", "2")[0] == 2


@pytest.mark.parametrize("verb", ["tune", "compare"])
def test_the_dry_run_notes_what_the_command_notes(table, command, verb):
    """Settings that no run uses, and what the rows are."""
    table["train"] |= {"momentum": 0.5}  # of sgd
    table["transfer"] = {"params": {"kernel": "rbf"}}  # kd has none
    table["output"]["overwrite"] = True
    with open("config.toml", "wb") as file:
        tomli_w.dump(table, file)
    words = (verb, "config.toml", "--methods", "kd,aft", "--set", "compare.seeds=1")
    status, _, dry = command(*words, "--dry-run")
    assert status == 0
    for setting in ("train.momentum", "transfer.params", "output.overwrite"):
        assert [line for line in dry.splitlines() if line.startswith(f"{setting} = ")]
    status, _, told = command(*words)
    assert status == 0
    notes = [line for line in dry.splitlines() if line]
    assert notes == told.splitlines()[: len(notes)]
