"""Comparisons of short real runs: the table, what fails beside it, and that a kill changes nothing."""

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w
import torch

from tutelage import run
from tutelage.config import DataConfig, ExperimentConfig, load_config
from tutelage.data import read_data
from tutelage.errors import ConfigError, DataError, TrainingError
from tutelage.probes import linear_probe
from tutelage.progress import Silent
from tutelage.report import write_table
from tutelage.report.tables import csv_line
from tutelage.results.folders import read_comparison
from tutelage.results.result import read_result
from tutelage.sweeps.compare import compare


def pixels(source: str, *, size: int, folder: Path) -> Path:
    """A teacher that sees each digit's pixels, made coarser, as arrays of both splits."""
    for name, split in read_data(DataConfig(source=source)).splits.items():
        rows = [np.asarray(row.convert("L").resize((size, size))) for row in split.rows]
        np.save(folder / f"{size}_{name}.npy", np.stack(rows).reshape(len(rows), -1) / 255.0)
    return folder / f"{size}_{{split}}.npy"


STUDENT = """
from torch import nn

def make(num_classes: int, width: int = 16):
    body = nn.Sequential(nn.AvgPool2d(4), nn.Flatten(), nn.Linear(192, width), nn.ReLU())
    return nn.Sequential(body, nn.Linear(width, num_classes))
"""


@pytest.fixture
def table(digits, tmp_path, monkeypatch) -> dict[str, Any]:
    """A config of a student of a few numbers under two teachers: coarse and fine pixels."""
    source = f"folder:{digits}"
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "few_numbers.py").write_text(STUDENT)
    return {
        "data": {"source": source},
        "teachers": [
            {"source": f"features:{pixels(source, size=size, folder=tmp_path)}", "name": name}
            for name, size in {"coarse": 2, "fine": 8}.items()
        ],
        "student": {"source": "python:few_numbers:make", "input": {"image_size": 32}},
        "transfer": {"beta": 3.0},
        "train": {"steps": 12, "batch_size": 16, "lr": 3e-3, "workers": 0, "device": "cpu"},
        "cache": {"dir": str(tmp_path / "cache"), "workers": 0},
        "output": {"dir": str(tmp_path / "out")},
    }


def with_(table: dict[str, Any], *assignments: str) -> ExperimentConfig:
    """The config with some settings changed."""
    return load_config([table], assignments=assignments)


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


def accuracies(folder: Path) -> dict[int, float]:
    """The accuracies on the test rows of runs over seeds, from their results."""
    results = [read_result(path.parent) for path in folder.glob("seed-*/result.json")]
    return {result.seed: result.metrics["test"]["accuracy"] for result in results}


def test_params_are_those_of_every_method_with_the_regularizer(table, tmp_path):
    progress = Notes()
    config = with_(table, 'transfer.params={weights="dense"}', "train.steps=2", "output.examples=0")
    compare(config, methods=["aft", "aft+probe", "kd"], seeds=1, progress=progress)
    for method, params in (
        ("aft", {"weights": "dense"}),
        ("aft+probe", {"weights": "dense"}),
        ("kd", {}),
    ):
        result = read_result(tmp_path / "out" / "runs" / method / "seed-0")
        assert result.config["transfer"]["params"] == params
    assert [note for note in progress.notes if note.startswith("transfer.params")] == [
        "transfer.params = {'weights': 'dense'} is not used by kd: it is of aft"
    ]


def test_the_table_is_what_the_runs_say(table, tmp_path):
    table["compare"] = {
        "methods": ["stl", "aft"],
        "seeds": 2,
        "teachers": [["coarse"], ["fine"], ["coarse", "fine"]],
        "fractions": [1.0, 0.5],
    }
    found = compare(with_(table))
    runs = tmp_path / "out/runs"

    assert read_comparison([tmp_path / "out"]).model_dump() == found.model_dump()
    assert len(found.runs) == 16
    assert [(row.fraction, row.method, "+".join(row.teachers)) for row in found.rows] == [
        (fraction, method, names)
        for fraction in (1.0, 0.5)
        for method, names in [("stl", ""), ("aft", "coarse"), ("aft", "fine"), ("aft", "coarse+fine")]
    ]  # fmt: skip
    assert len(list(runs.rglob("result.json"))) == 2 * 2 * (1 + 3)
    assert read_result(runs / "fraction-0.5/stl/seed-1").rows == {"train": 30, "test": 24}

    for row in found.rows:
        place = runs / f"fraction-{row.fraction:g}" / row.method / "+".join(row.teachers)
        stl = accuracies(runs / f"fraction-{row.fraction:g}/stl")
        own = accuracies(place)
        assert row.values == own
        assert row.score.mean == pytest.approx((own[0] + own[1]) / 2)
        assert row.score.error == pytest.approx(abs(own[0] - own[1]) / 2)
        error = 1 - sum(own.values()) / 2
        assert row.relative_error == pytest.approx(error / (1 - sum(stl.values()) / 2))
        if row.method == "stl":
            assert (row.difference, row.probe, row.settings) == (None, None, {})
            continue
        gains = [own[seed] - stl[seed] for seed in stl]
        assert row.difference.mean == pytest.approx(sum(gains) / 2)
        assert row.difference.error == pytest.approx(statistics.stdev(gains) / 2**0.5)
        assert row.settings == {"beta": 3.0}

    aft = [row for row in found.rows if row.method == "aft"]
    assert found.methods[1].normalized_error.mean == pytest.approx(
        sum(row.relative_error for row in aft) / 6
    )
    data = read_data(DataConfig(source=table["data"]["source"]))
    features = {
        split: torch.from_numpy(np.load(tmp_path / f"8_{split}.npy")).half()
        for split in ("train", "test")
    }
    by_hand = linear_probe(
        features["train"],
        data.splits["train"].labels,
        test_features=features["test"],
        test_labels=data.splits["test"].labels,
    )
    assert aft[1].probe == pytest.approx(by_hand.score)

    alone = run(
        with_(table, f"output.dir={tmp_path / 'alone'}", "seed=1", "compare.methods=[]").model_copy(
            update={"teachers": with_(table).teachers[1:]}
        )
    )
    assert alone.metrics["test"]["accuracy"] == aft[1].values[1]


WARMTH = """
from tutelage import Regularizer
class Warmth(Regularizer):
    def compare(self, student, teacher):
        BODY
"""


def test_what_fails_does_not_sink_the_rest(table, tmp_path, monkeypatch):
    own = tmp_path / "warmth_of_ours.py"
    own.write_text(WARMTH.replace("BODY", 'raise RuntimeError("cold outside")'))
    table["teachers"].append(
        {"source": f"features:{tmp_path}/missing_{{split}}.npy", "name": "gone"}
    )
    table["compare"] = {
        "methods": ["stl", "warmth_of_ours:Warmth", "aft"],
        "teachers": [["fine"], ["gone"]],
    }
    rows = compare(with_(table)).rows

    assert [row.score is not None for row in rows] == [True, False, False, True, False], [
        row.reason for row in rows
    ]
    assert "raises RuntimeError: cold outside" in rows[1].reason
    assert "warmth_of_ours.py, line 5" in rows[1].reason
    assert "missing_train.npy" in rows[4].reason
    assert rows[3].difference is not None

    monkeypatch.delitem(sys.modules, "warmth_of_ours")
    own.write_text(WARMTH.replace("BODY", "return student.square().mean()"))
    again = compare(with_(table)).rows
    assert [row.score is not None for row in again] == [True, True, False, True, False]
    assert again[3].model_dump() == rows[3].model_dump()


def test_a_comparison_without_any_result_says_why(table, tmp_path):
    table["train"]["lr"] = 1e30
    with pytest.raises(TrainingError, match="no run could be finished; the first said: "):
        compare(with_(table), methods=["stl"])
    assert "failures" in (tmp_path / "out/compare.json").read_text()


def test_each_method_gets_the_beta_that_was_best_on_the_hold_out(table, tmp_path):
    table["tune"] = {"beta": [0.0, 3.0], "lr": [1e-4, 3e-3]}
    found = compare(with_(table), methods=["stl", "aft"], tune=True)
    tried = {path.parent.parent.name: read_result(path.parent)
             for path in (tmp_path / "out/tuning").rglob("result.json")}  # fmt: skip

    assert list(tried)
    assert all(set(result.metrics) == {"train", "holdout"} for result in tried.values())
    grid = [f"aft-beta-{beta}-lr-{lr}" for beta in ("0", "3") for lr in ("0.0001", "0.003")]
    assert set(tried) == {"stl-lr-0.0001", "stl-lr-0.003", *grid}
    best = max(grid, key=lambda name: tried[name].metrics["holdout"]["accuracy"])
    row = found.rows[1]
    assert best == f"aft-beta-{row.settings['beta']:g}-lr-{row.settings['lr']:g}"
    assert row.values == accuracies(tmp_path / "out/runs" / best)
    assert found.tuned


def test_each_method_gets_the_length_that_was_best_on_the_hold_out(table):
    del table["train"]["steps"]
    table["tune"] = {"beta": [3.0], "patience": [0.04, 0.08]}
    row = compare(with_(table), methods=["aft"], tune=True).rows[0]

    assert row.settings["patience"] in (0.04, 0.08)
    assert row.runs[0].result.automatic_steps
    assert row.runs[0].result.steps == round(row.settings["patience"] * 1.5 * 50 * (60 / 16) ** 0.5)
    assert csv_line(row, row.runs[0].result.lead)["patience"] == row.settings["patience"]


KILLED = """
import os, random, sys, time, tomllib
from pathlib import Path
from tutelage.sweeps.compare import compare
from tutelage.config import load_config
config = load_config([tomllib.loads(Path(sys.argv[1]).read_text())])
for _ in range(3):
    child = os.fork()
    if child == 0:
        compare(config)
        os._exit(0)
    time.sleep(random.uniform(0.05, 0.4) * float(sys.argv[2]))
    os.kill(child, 9)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
    print(len(list(Path(sys.argv[3]).rglob("result.json"))), flush=True)
"""


def test_killed_three_times_it_ends_with_the_same_table(table, tmp_path):
    table["train"] |= {"checkpoint_every": 2}
    table["compare"] = {"methods": ["stl", "aft"], "seeds": 2, "tune": True}
    table["tune"] = {"beta": [1.0, 3.0]}
    began = time.monotonic()
    folders = tmp_path / "whole", tmp_path / "killed"
    write_table(compare(with_(table, f"output.dir={folders[0]}")), folders[0])
    seconds = time.monotonic() - began

    table["output"]["dir"] = str(folders[1])
    (tmp_path / "killed.toml").write_text(tomli_w.dumps(table))
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, tmp_path / "killed.toml", str(seconds), folders[1]],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert killed.returncode == 0, killed.stderr
    assert killed.stdout.split()[::2] == ["-9"] * 3, killed.stdout
    write_table(compare(with_(table)), folders[1])
    for name in ("compare.csv", "compare.json", "compare.md", "compare.tex", "accuracy.svg"):
        assert (folders[1] / name).read_bytes() == (folders[0] / name).read_bytes(), killed.stdout


def test_the_command_leaves_every_form(table, tmp_path, command):
    place = tmp_path / "flowers.toml"
    place.write_text(tomli_w.dumps(table))
    words = ("compare", place, "--methods", "stl,kd")
    status, said, complaint = command(*words, "--seeds", 1)
    assert status == 0, complaint
    assert "Standard fine-tuning" in said
    folder = tmp_path / "out"
    lines = list(csv.DictReader((folder / "compare.csv").read_text().splitlines()))
    assert [(line["method"], line["seeds"]) for line in lines] == [("stl", "1"), ("kd", "1")]
    assert json.loads((folder / "compare.json").read_text())["rows"][1]["method"] == "kd"
    assert (folder / "accuracy.png").is_file()
    assert str(folder / "report.html") in said
    page = (folder / "report.html").read_text()
    assert "Most wrong" in page
    assert "is not shown" not in page, "the teachers' view of the test rows"
    status, reported, complaint = command("report", folder, "--latex")
    assert status == 0, complaint
    assert said.splitlines()[:3] == reported.splitlines()[:3]
    assert (folder / "report.tex").read_text() == (folder / "compare.tex").read_text()
    assert tomllib.loads((folder / "compare.toml").read_text())["compare"]["seeds"] == 1

    status, said, told = command(*words, "--seeds", 2, "--jobs", 2)
    assert status == 0
    assert "compare: 2 runs in " in told, "of four; the others are read"
    assert ", after 2 of before" in told
    assert [line.split()[:2] for line in said.splitlines()[1:3]] == [
        ["Standard", "fine-tuning"],
        ["KD", "β"],
    ]
    status, _, complaint = command(*words, "--set", "train.lr=0.5")
    assert (status, "comparison with other settings" in complaint) == (2, True)


@dataclass(frozen=True)
class Mistake:
    """What somebody asks for, and what the message must say."""

    name: str
    says: tuple[str, ...]
    compare: dict[str, Any]
    settings: tuple[str, ...] = ()


MISTAKES = [
    Mistake("method", ("unknown method 'aftt'", "did you mean 'aft'"), {"methods": ["stl", "aftt"]}),
    Mistake("seeds", ("compare.seeds = 0", "greater than 0"), {"seeds": 0}),
    Mistake(
        "teacher",
        ("compare.teachers names 'fin', which is no teacher", "did you mean 'fine'"),
        {"teachers": [["fin"]]},
    ),
    Mistake("no teacher in a set", ("compare.teachers.0", "at least 1 item"), {"teachers": [[]]}),
    Mistake("fraction", ("compare.fractions.1 = 1.5", "less than or equal to 1"), {"fractions": [1, 1.5]}),
    Mistake("fraction 0", ("compare.fractions.0 = 0", "greater than 0"), {"fractions": [0]}),
    Mistake("setting", ("unknown setting compare.seed", "did you mean 'seeds'"), {"seed": 3}),
    Mistake("student", ("unknown setting compare.students.0.sauce",), {"students": [{"sauce": "x"}]}),
    Mistake("samples", ("tune.samples is for 'tutelage tune'",), {"tune": True}, ("tune.samples=3",)),
    Mistake("pruning", ("tune.prune is for 'tutelage tune'",), {"tune": True}, ("tune.prune=true",)),
    Mistake("sets", ("tune.teachers is for",), {"tune": True}, ("tune.teachers=[['fine']]",)),
    Mistake("hold-out", ("would report the rows that settings",), {"tune": True}, ("data.evaluate=holdout",)),
    Mistake("no teachers", ("needs at least one teacher",), {"methods": ["kd"]},
            ("teachers=[]", "transfer.method=stl")),
]  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.name)
def test_mistakes_get_one_clear_message(mistake, table, tmp_path):
    table["compare"] = mistake.compare
    with pytest.raises(ConfigError) as raised:
        compare(with_(table, *mistake.settings))
    for words in mistake.says:
        assert words in str(raised.value)
    assert not (tmp_path / "out").exists()


def test_a_comparison_on_other_rows_is_refused(table, digits, tmp_path):
    shutil.copytree(digits, tmp_path / "copy")
    config = with_(table, f"data.source=folder:{tmp_path / 'copy'}", "train.steps=2")
    before = compare(config, methods=["stl"], seeds=1)
    assert compare(config, methods=["stl"], seeds=1).rows == before.rows
    test = tmp_path / "copy" / "test"
    (test / "three" / "20.jpg").rename(test / "five" / "other.jpg")
    with pytest.raises(ConfigError, match="holds a comparison on other test rows"):
        compare(config, methods=["stl"], seeds=2)


def test_rows_that_change_between_the_runs_of_a_comparison_are_told(table, digits, tmp_path):
    shutil.copytree(digits, tmp_path / "copy")
    config = with_(table, f"data.source=folder:{tmp_path / 'copy'}", "train.steps=2")
    compare(config, methods=["stl"], seeds=1)
    test = tmp_path / "copy" / "test"
    (test / "three" / "20.jpg").rename(test / "five" / "other.jpg")
    (tmp_path / "out" / "rows.json").unlink()  # as if the first run had ended before the change
    with pytest.raises(DataError, match="were on different test rows"):
        compare(config, methods=["stl"], seeds=2)


def test_a_student_that_fails_does_not_sink_the_next(table, tmp_path):
    source, size = table["student"]["source"], {"image_size": 32}
    missing = source.replace(":make", ":unheard_of")
    table["compare"] = {
        "methods": ["aft"],
        "students": [{"source": missing, "input": size}, {"source": source, "input": size}],
    }
    first, second = compare(with_(table, "train.steps=2")).rows

    assert first.score is None
    assert "unheard_of" in first.reason
    assert second.score is not None, second.reason


def test_too_small_a_fraction_is_a_row_that_says_so(table):
    table["compare"] = {"methods": ["stl"], "fractions": [1.0, 0.01]}
    whole, small = compare(with_(table)).rows

    assert whole.score is not None
    assert "too few rows for 3 classes" in small.reason


def test_students_are_told_apart(table):
    source, size = table["student"]["source"], {"image_size": 32}
    table["compare"] = {
        "methods": ["stl"],
        "students": [
            {"source": source, "input": size},
            {"source": source, "input": size, "params": {"width": 4}},
            {"source": "timm:unheard_of"},
        ],
    }
    rows = compare(with_(table)).rows

    assert [row.student for row in rows] == ["make 1", "make 2", "unheard_of"]
    assert rows[0].values.keys() == rows[1].values.keys() == {0}
    assert "unheard_of" in rows[2].reason
