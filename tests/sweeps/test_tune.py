"""The search: what it chooses, that it leaves test rows alone, and that it survives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tomli_w

from tutelage import run
from tutelage.config import ExperimentConfig, load_config
from tutelage.errors import ConfigError, DataError, TrainingError
from tutelage.files import find_files
from tutelage.progress import Silent
from tutelage.results.result import read_history, read_result
from tutelage.results.statistics import sample_mean
from tutelage.sweeps.search_space import space_of
from tutelage.sweeps.tune import tune


class Watch(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.fixture
def table(reviews, small_bert, tmp_path) -> dict[str, object]:
    """A search on the snippets: one layer of a small BERT under the whole."""
    shutil.copytree(reviews, tmp_path / "reviews")
    return {
        "data": {"source": f"table:{tmp_path / 'reviews'}", "holdout": 0.3},
        "teachers": [{"source": f"hf:{small_bert}", "name": "bert", "params": {"pooling": "mean"}}],
        "student": {"source": f"hf:{small_bert}", "params": {"layers": 1, "max_length": 32}},
        "train": {"steps": 4, "batch_size": 12, "lr": 1e-3, "log_every": 2, "device": "cpu"},
        "tune": {"beta": [1.0, 10.0]},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "search")},
    }


def with_(config: dict[str, object], *assignments: str) -> ExperimentConfig:
    return load_config([config], assignments=assignments)


def test_points_are_all_combinations(table):
    space = space_of(with_(table, "tune.lr=[0.1, 0.2]"), ["stl", "aft", "aft-rbf+probe"])
    names = [point.name for point in space.points]
    assert names[:2] == ["stl-lr-0.1", "stl-lr-0.2"]
    assert names[2:6] == [f"aft-beta-{b}-lr-{lr}" for b in (1, 10) for lr in (0.1, 0.2)]
    assert len(names) == len(set(names)) == 2 + 4 + 2 * 3 * 2
    with pytest.raises(ConfigError, match="did you mean 'aft'"):
        space_of(with_(table), ["atf"])
    with pytest.raises(ConfigError, match=r"tune\.teachers names 'brt'"):
        space_of(with_(table, 'tune.teachers=[["brt"]]'))


def test_test_rows_are_not_touched_before_the_end(table, tmp_path):
    test = tmp_path / "reviews" / "test.jsonl"
    kept = test.read_bytes()
    test.write_bytes(b"\x00not a table")
    searched = tune(with_(table), methods=["stl", "aft"], retrain=False)
    assert [trial.name for trial in searched.trials] == ["stl", "aft-beta-1", "aft-beta-10"]
    assert all(trial.state == "finished" for trial in searched.trials)
    assert searched.best.score == max(trial.score for trial in searched.trials)
    with pytest.raises(DataError, match=r"test\.jsonl"):
        tune(with_(table), methods=["stl", "aft"])
    test.write_bytes(kept)
    results = sorted((tmp_path / "search" / "trials").rglob("result.json"))
    written = [path.stat().st_mtime_ns for path in results]
    shutil.rmtree(tmp_path / "search" / "chosen")
    watch = Watch()
    tuned = tune(with_(table), methods=["stl", "aft"], progress=watch)
    assert not any("no checkpoint" in note for note in watch.notes)
    assert [path.stat().st_mtime_ns for path in results] == written
    assert tuned.trials == searched.trials
    assert tuned.result.rows == {"train": 60, "test": 24}
    assert tuned.result.method == tuned.best.method
    assert json.loads((tmp_path / "search" / "tune.json").read_text())["chosen"] == tuned.chosen


def test_params_that_a_method_does_not_take_are_told_first(table):
    class End(Silent):
        def note(self, message: str) -> None:
            if "is not used by" in message:
                raise InterruptedError(message)

    given = with_(table, 'transfer.params={kernel="rbf"}')
    with pytest.raises(InterruptedError, match=r"kernel.* not used by kd: it is of aft"):
        tune(given, methods=["stl", "kd", "aft"], progress=End())
    assert not find_files(given.output.dir, "result.json")


def test_another_search_in_the_same_folder_is_refused(table):
    tune(with_(table), retrain=False)
    with pytest.raises(ConfigError, match="holds a search with other settings"):
        tune(with_(table, "train.lr=0.5"), retrain=False)


def test_rows_that_choose_are_not_reported(table, tmp_path):
    held = with_(table, "data.evaluate=holdout")
    with pytest.raises(ConfigError, match="rows that settings are chosen by; leave it out"):
        tune(held)
    assert not (tmp_path / "search").exists()
    assert tune(held, retrain=False).result is None


def test_a_search_on_other_rows_is_refused(table, tmp_path):
    table["tune"] |= {"storage": str(tmp_path / "study.journal")}
    tune(with_(table), methods=["stl"], retrain=False)
    train = tmp_path / "reviews" / "train.jsonl"
    first, *others = map(json.loads, train.read_text().splitlines())
    first["label"] = next(row["label"] for row in others if row["label"] != first["label"])
    train.write_text("".join(json.dumps(row) + "\n" for row in (first, *others)))
    with pytest.raises(ConfigError, match=r"study\.journal holds this search on other train rows"):
        tune(with_(table, f"output.dir={tmp_path / 'other'}"), methods=["stl"], retrain=False)
    other = with_(table, f"tune.storage={tmp_path / 'other.journal'}")
    with pytest.raises(ConfigError, match="search holds a search on other train rows"):
        tune(other, methods=["stl"], retrain=False)


def test_a_mistake_is_told_before_anything_is_written(table, tmp_path):
    table["transfer"] = {"params": {"kernl": "rbf"}}
    with pytest.raises(ConfigError, match=r"transfer\.params\.kernl"):
        tune(with_(table), retrain=False)
    assert not (tmp_path / "search").exists()


def test_a_point_that_does_not_train_is_told_and_passed_over(table):
    table["tune"] = {"beta": [1.0], "lr": [1e-3, 1e30]}
    searched = tune(with_(table), retrain=False)
    assert [trial.state for trial in searched.trials] == ["finished", "failed"]
    assert "the loss is" in searched.trials[1].reason
    assert searched.chosen == "aft-beta-1-lr-0.001"
    table["tune"] = {"beta": [1.0], "lr": [1e30]}
    table["output"] = {"dir": table["output"]["dir"] + "-2"}
    with pytest.raises(TrainingError, match="no point could be finished"):
        tune(with_(table), retrain=False)


def test_a_range_is_drawn_from_and_repeats(table, tmp_path):
    config = with_(table, "tune.samples=4")
    first = tune(config, methods=["aft", "probe"], retrain=False)
    values = [value for trial in first.trials for value in trial.settings.values()]
    assert len(set(values)) == 4
    assert all(0.5 <= value <= 10 for value in values)
    again = tune(
        with_(table, "tune.samples=4", f"output.dir={tmp_path / 'again'}"),
        methods=["aft", "probe"],
        retrain=False,
    )
    assert again.trials == first.trials


def test_a_search_with_another_best_point_trains_it(table, tmp_path):
    """As after more samples: the folder holds the run that was best before."""
    config = with_(table, "tune.samples=2", "tune.beta=[1, 1.5]")
    tune(config, methods=["aft"], retrain=False)
    run(config.replace({"transfer.beta": 7.0, "output.dir": tmp_path / "search" / "chosen"}))
    watch = Watch()
    searched = tune(
        config.replace({"tune.samples": 1, "output.overwrite": True}),
        methods=["aft"],
        progress=watch,
    )
    assert searched.result.beta == searched.best.settings["beta"]
    assert len(searched.trials) == 2
    told = [note.partition(":")[0] for note in watch.notes if "is not used" in note]
    assert told == ["output.overwrite = True is not used", "tune.samples = 1 is not used"]


def test_each_point_is_tried_on_every_fold_and_the_mean_counts(table, tmp_path):
    table["tune"] = {"beta": [1.0], "folds": 3, "seeds": 2}
    searched = tune(with_(table), methods=["stl", "aft"], retrain=False)
    runs = [
        read_result(tmp_path / "search" / "trials" / "stl" / f"fold-{fold}" / f"seed-{seed}")
        for fold in range(3)
        for seed in range(2)
    ]
    assert [(one.rows["train"], one.rows["holdout"]) for one in runs] == [(40, 20)] * 6
    assert [one.seed for one in runs] == [0, 1] * 3
    mean = sample_mean([one.metrics["holdout"]["accuracy"] for one in runs])
    stl = searched.trials[0]
    assert (stl.score, stl.error) == (mean.mean, mean.error)
    with pytest.raises(ConfigError, match="holds a search with other settings"):
        tune(with_(table, "tune.folds=2"), methods=["stl", "aft"], retrain=False)


@pytest.mark.parametrize("length", [{"steps": 16}, {"steps": "auto", "patience": 0.12}])
def test_points_that_lag_behind_are_ended_early(table, tmp_path, length):
    table["tune"] = {"beta": [1.0, 1.0001, 1.0002, 1.0003, 1e5, 1e6], "prune": True, "lr": [3e-3]}
    table["train"] |= length
    searched = tune(with_(table, "cache.dtype=float32"), retrain=False)
    log = read_history(tmp_path / "search" / "trials" / "aft-beta-1-lr-0.003")
    steps = max(line["step"] for line in log)
    assert steps == (16 if length["steps"] == 16 else round(0.12 * 75 * (42 / 12) ** 0.5))
    looks = [line["step"] for line in log if "holdout_accuracy" in line]
    assert looks == [steps // 4 * quarter for quarter in (1, 2, 3, 4)]
    states = [trial.state for trial in searched.trials]
    assert states[:4] == ["finished"] * 4
    assert searched.best.state == "finished"
    pruned = [trial for trial in searched.trials if trial.state == "pruned"]
    assert all(trial.score is None for trial in pruned)
    watch = Watch()
    again = tune(
        with_(table, "cache.dtype=float32", "tune.prune=false"), retrain=False, progress=watch
    )
    assert again.trials == searched.trials
    assert any("ended early by an earlier call" in note for note in watch.notes) == bool(pruned)


PROGRAM = """
import sys
from pathlib import Path
from tutelage.config import load_config, read_toml
from tutelage.sweeps.tune import tune
if __name__ == "__main__":
    tune(load_config([read_toml(Path(sys.argv[1]))]), methods=["stl", "aft", "probe"], retrain=False)
"""


def started(tmp_path: Path, config: dict[str, object]) -> subprocess.Popen[bytes]:
    (tmp_path / "config.toml").write_text(tomli_w.dumps(config))
    (tmp_path / "program.py").write_text(PROGRAM)
    return subprocess.Popen([sys.executable, tmp_path / "program.py", tmp_path / "config.toml"])


FORKS = """
import os, sys
from pathlib import Path
import datasets, torch._dynamo, transformers.models.bert.modeling_bert  # once for all children
from tutelage.config import load_config, read_toml
from tutelage.sweeps.tune import tune
config = load_config([read_toml(Path(sys.argv[1]))])
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        tune(config, methods=["stl", "aft", "probe"], retrain=False)
        os._exit(0)
    print(child, flush=True)
    sys.stdin.readline()
    os.waitpid(child, 0)
"""


def test_killed_three_times_the_table_is_the_same(table, tmp_path):
    table["train"] |= {"steps": 30, "checkpoint_every": 5}
    whole = dict(table, output={"dir": str(tmp_path / "whole")})
    expected = tune(with_(whole), methods=["stl", "aft", "probe"], retrain=False)
    trials = tmp_path / "search" / "trials"
    (tmp_path / "config.toml").write_text(tomli_w.dumps(table))
    words = [sys.executable, "-c", FORKS, str(tmp_path / "config.toml")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, **pipes) as forks:
        for finished in (0, 1, 3):  # killed in the first run, and after one and three results
            forks.stdin.write("start\n")
            forks.stdin.flush()
            child = int(forks.stdout.readline())
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                done = len(find_files(trials, "result.json"))
                if done > finished or (done == finished and find_files(trials, "checkpoint*")):
                    break
                time.sleep(0.01)
            os.kill(child, signal.SIGKILL)
            forks.stdin.write("killed\n")
            forks.stdin.flush()
    resumed = tune(with_(table), methods=["stl", "aft", "probe"], retrain=False)
    assert resumed.trials == expected.trials
    assert resumed.chosen == expected.chosen


def test_two_processes_share_a_search(table, tmp_path):
    table["train"] |= {"steps": 20}
    other = started(tmp_path, table)
    mine = tune(with_(table), methods=["stl", "aft", "probe"], retrain=False)
    assert other.wait(timeout=120) == 0
    assert len(mine.trials) == 1 + 2 + 3
    theirs = json.loads((tmp_path / "search" / "tune.json").read_text())
    assert theirs["chosen"] == mine.chosen


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["database", "journal"])
def test_machines_without_a_common_folder_share_a_search(table, tmp_path, kind):
    table["train"] |= {"steps": 40}
    methods = ["stl", "aft", "probe"]
    alone = tune(with_(dict(table, output={"dir": str(tmp_path / "alone")})), methods=methods)
    place = tmp_path / f"shared.{kind}"
    storage = f"sqlite:///{place}" if kind == "database" else str(place)
    table["tune"] |= {"storage": storage}
    other = started(tmp_path, dict(table, output={"dir": str(tmp_path / "other")}))
    deadline = time.monotonic() + 120
    while not find_files(tmp_path / "other", "config.toml"):  # it starts for seconds
        assert time.monotonic() < deadline
        time.sleep(0.01)
    mine = tune(with_(table), methods=methods, retrain=False)
    assert other.wait(timeout=120) == 0
    runs = [
        {path.parent.name for path in find_files(tmp_path / folder / "trials", "result.json")}
        for folder in ("search", "other")
    ]
    assert all(runs), "both tried some"
    assert not runs[0] & runs[1], "and none twice"
    assert len(runs[0] | runs[1]) == len(mine.trials) == 1 + 2 + 3
    assert mine.trials == alone.trials
    theirs = json.loads((tmp_path / "other" / "tune.json").read_text())
    assert theirs["chosen"] == mine.chosen


def test_the_verb_prints_every_point_and_the_choice(table, tmp_path, command):
    file = tmp_path / "config.toml"
    file.write_text(tomli_w.dumps(table))
    status, said, _ = command("tune", file)
    assert status == 0
    assert "aft-beta-1" in said
    assert "aft-beta-10" in said
    chosen = json.loads((tmp_path / "search" / "tune.json").read_text())["chosen"]
    assert said.count(chosen) >= 1
