"""The search for the best student: what it tries, that it repeats, resumes, and keeps its budget."""

import json
import shutil
from collections import Counter
from contextlib import contextmanager

import pytest
import tomli_w

from tutelage.config import ExperimentConfig, load_config
from tutelage.errors import ConfigError
from tutelage.experiment.plan import Plan
from tutelage.files import with_digest
from tutelage.progress import Silent
from tutelage.results.result import read_result
from tutelage.sweeps.auto import _begin, _within_time, auto
from tutelage.sweeps.budget import Budget
from tutelage.sweeps.candidates import Space
from tutelage.sweeps.choice import Choice, choose, read_choice
from tutelage.sweeps.ladder import Ladder
from tutelage.sweeps.processes import process_pool


@pytest.fixture
def table(reviews, small_bert, tmp_path) -> dict[str, object]:
    """Snippets with and without a label: one layer of a small BERT under the whole."""
    shutil.copytree(reviews, tmp_path / "reviews")
    train = tmp_path / "reviews" / "train.jsonl"
    rows = [json.loads(line) for line in train.read_text().splitlines()]
    for row in rows[40:]:
        row["label"] = None
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return {
        "data": {"source": f"table:{tmp_path / 'reviews'}"},
        "teachers": [{"source": f"hf:{small_bert}", "name": "bert", "params": {"pooling": "mean"}}],
        "student": {"source": f"hf:{small_bert}", "params": {"layers": 1, "max_length": 16}},
        "train": {"steps": 3, "batch_size": 12, "log_every": 2, "device": "cpu"},
        "tune": {"folds": 3},
        "cache": {"dir": str(tmp_path / "cache")},
        "output": {"dir": str(tmp_path / "search")},
    }


def with_(config: dict[str, object], *assignments: str) -> ExperimentConfig:
    return load_config([config], assignments=assignments)


class Trained(Silent):
    """Counts the runs that are told as done now, not before."""

    def __init__(self) -> None:
        self.runs = 0

    @contextmanager
    def track(self, label, total, *, unit, done=0):
        last = done

        def update(count):
            nonlocal last
            last = count

        yield update
        if unit == "runs":
            self.runs += last - done


def test_a_search_within_a_number_of_runs(table, tmp_path):
    config = with_(table)
    choice = auto(config, budget="18")
    folder = tmp_path / "search"
    assert read_choice(folder) == choice
    assert (choice.baseline, choice.best, choice.chosen) == choose(choice.tried)
    assert choice.spent.runs <= 18
    assert not choice.spent.used_up
    methods = Counter(one.method for one in choice.tried)
    assert methods["stl"] >= 3
    assert {"probe", "aft", "aft+probe"} <= set(methods)
    # all were tried on the first fold, few on all three
    folds = [len(one.scores) for one in choice.tried]
    assert min(folds) == 1
    assert max(folds) == 3
    for one in choice.tried:
        for fold, score in enumerate(one.scores):
            result = read_result(folder / "trials" / one.name / f"fold-{fold}")
            assert result.metrics["holdout"]["accuracy"] == score
            assert (result.seed, result.config["data"]["fold"]) == (fold, fold)
            assert "test" not in result.rows
    assert choice.result.rows["train"] == 40
    assert choice.result.method == choice.named(choice.chosen).method
    assert choice.baseline_result.method == "stl"
    assert [curve.of for curve in choice.curves] == ["student", "teachers"]
    assert all(len(curve.points[-1].scores) == 3 for curve in choice.curves)

    # repeated, nothing is trained again; elsewhere and in parallel, the same is found
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")}
    trained = Trained()
    again = auto(config, budget="18", progress=trained)
    assert again.tried == choice.tried
    assert trained.runs == 0, "runs that are read are not told as trained"
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")} == written
    shutil.rmtree(folder / "trials" / choice.tried[1].name)
    shutil.rmtree(folder / "chosen")
    parallel = auto(config, budget="18", jobs=2)
    assert without_times(parallel) == without_times(choice)

    with pytest.raises(ConfigError, match="holds a search with other settings"):
        auto(with_(table, "train.batch_size=10"), budget="18")


def without_times(choice: Choice) -> object:
    tried = [one.model_copy(update={"seconds": 0.0}) for one in choice.tried]
    metrics = choice.result.metrics | {"baseline": choice.baseline_result.metrics}
    return tried, choice.baseline, choice.best, choice.chosen, metrics


def test_a_budget_that_is_used_up_ends_with_the_best_so_far(table, command, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text(tomli_w.dumps(table))
    status, printed, _ = command("train", config, "--auto", "--budget", "6")
    assert status == 0
    choice = read_choice(tmp_path / "search")
    assert choice.spent.used_up
    assert choice.spent.runs <= 6
    assert f"chosen   {choice.chosen}, by held-out training rows" in printed
    assert (tmp_path / "search" / "chosen" / "student").is_dir()
    assert "best standard fine-tuning" in printed
    assert (tmp_path / "search" / "report.html").is_file()
    status, again, told = command("train", config, "--auto", "--budget", "6", "--resume")
    assert status == 0
    assert f"chosen   {choice.chosen}, by held-out training rows" in again
    assert told.count("--resume is not needed: a search always continues in its folder") == 1
    status, _, told = command("train", config, "--budget", "6")
    assert status == 2
    assert "--budget and --jobs are for --auto" in told
    choice = auto(with_(table, f"output.dir={tmp_path / 'time'}"), budget="1s")
    assert choice.spent.used_up
    assert choice.tried[0].method == "stl"
    assert choice.result.method == choice.named(choice.chosen).method


def test_another_budget_may_choose_otherwise_in_the_same_folder(table, tmp_path):
    config = with_(table, "output.dir=" + str(tmp_path / "search"))
    first = auto(config, budget="6")
    for one in (tmp_path / "search").glob("*/config.toml"):  # as if something else had been chosen
        one.write_text(one.read_text().replace("lr = ", "lr = 1"))
    again = auto(config, budget="6")
    assert without_times(again) == without_times(first)
    assert read_result(tmp_path / "search" / "chosen") == again.result


def test_a_smaller_budget_spends_no_more_where_a_larger_one_ran_before(table, tmp_path):
    plain = ("teachers=[]", "transfer.method=stl")
    auto(with_(table, *plain), budget="12")
    for one in (tmp_path / "search" / "trials").rglob("result.json"):
        result = read_result(one.parent)
        longer = result.model_copy(update={"seconds": {"train": 1000.0}})
        one.write_text(with_digest(longer.model_dump(mode="json")))
    after = auto(with_(table, *plain), budget="6")
    assert after.spent.runs <= 6
    asked_for = 1000 * sum(len(one.scores) for one in after.tried)
    assert asked_for <= after.spent.seconds < asked_for + 1000
    afresh = auto(with_(table, *plain, f"output.dir={tmp_path / 'afresh'}"), budget="6")
    assert without_times(after) == without_times(afresh)


@pytest.fixture
def long_texts(table, tmp_path) -> dict[str, object]:
    """The same with texts that are long enough for windows."""
    train = tmp_path / "reviews" / "train.jsonl"
    rows = [json.loads(line) for line in train.read_text().splitlines()]
    for row in rows:
        row["text"] = " ".join([row["text"]] * 20)
    train.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return table


def test_views_are_tried_with_fine_tuning(long_texts):
    choice = auto(with_(long_texts, "teachers=[]", "transfer.method=stl"), budget="8")
    assert [one.settings["views"] for one in choice.tried if "views" in one.settings] == [4]


@pytest.mark.parametrize("share", [0.0, 1e9])
def test_views_are_left_out_where_teachers_need_too_long(long_texts, monkeypatch, share):
    monkeypatch.setattr("tutelage.sweeps.auto.MOST_FOR_VIEWS", share)
    notes: list[str] = []

    class Notes(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    config = with_(long_texts)
    plan = Plan.of(config)
    space = Space.of(config, plan, methods=["aft"])
    with process_pool(1) as processes:
        ladder = Ladder(config, [], Budget.parse("1m"), 1, processes, Notes())
        assert _within_time(ladder, space, plan).views == (4 if share else 0)
    assert [line.startswith("views are not tried") for line in notes] == ([] if share else [True])


def test_mistakes_come_first(table, tmp_path):
    with pytest.raises(ConfigError, match="--auto holds out rows itself"):
        auto(with_(table, "data.evaluate=holdout"))
    with pytest.raises(ConfigError, match="neither a number of runs"):
        auto(with_(table), budget="soon")
    with pytest.raises(ConfigError, match=r"tune\.folds for their number"):
        auto(with_(table, "data.folds=3"))
    assert not (tmp_path / "search").exists()


def test_a_search_on_other_rows_in_the_same_folder_is_refused(table, tmp_path):
    config = with_(table, "data.evaluate=holdout")
    _begin(config, Plan.of(config))
    _begin(config, Plan.of(config))
    train = tmp_path / "reviews" / "train.jsonl"
    first, *others = map(json.loads, train.read_text().splitlines())
    first["label"] = next(row["label"] for row in others if row["label"] != first["label"])
    train.write_text("".join(json.dumps(row) + "\n" for row in (first, *others)))
    with pytest.raises(ConfigError, match="holds a search on other train rows"):
        _begin(config, Plan.of(config))


def test_without_teachers_and_with_a_validation_split(table, tmp_path):
    rows = (tmp_path / "reviews" / "test.jsonl").read_text()
    (tmp_path / "reviews" / "dev.jsonl").write_text(rows)
    del table["tune"], table["teachers"]
    table["transfer"] = {"method": "stl"}
    choice = auto(with_(table), budget="8")
    assert {one.method for one in choice.tried} == {"stl"}
    assert choice.chosen == choice.baseline
    assert choice.gain is None
    assert [curve.of for curve in choice.curves] == ["student"]
    assert (choice.folds, choice.repeats) == (None, 5)
    runs = [
        read_result(tmp_path / "search" / "trials" / choice.chosen / f"seed-{n}") for n in (0, 1)
    ]
    assert [one.rows["holdout"] for one in runs] == [24, 24]
    assert [one.seed for one in runs] == [0, 1]


def test_lengths_are_varied_around_the_patience_that_is_asked_for(table):
    del table["train"]["steps"]
    table["train"]["patience"] = 0.02
    choice = auto(with_(table, "teachers=[]", "transfer.method=stl"), budget="8")
    assert {one.settings["patience"] for one in choice.tried} == {0.01, 0.02, 0.04}
    assert choice.result.config["train"]["patience"] in (0.01, 0.02, 0.04)


def test_settings_that_are_chosen_are_named_where_they_are_given(table):
    notes: list[str] = []

    class Notes(Silent):
        def note(self, message: str) -> None:
            notes.append(message)

    auto(with_(table, "transfer.beta=2", "transfer.method=kd"), budget="3", progress=Notes())
    told = [note for note in notes if "is not used: --auto chooses" in note]
    assert [note.partition(" ")[0] for note in told] == ["transfer.method", "transfer.beta"]
