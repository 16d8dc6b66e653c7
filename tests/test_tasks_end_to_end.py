"""Several labels and regression through the whole program: digits, a small network, real commands."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.datasets import load_digits
from sklearn.metrics import average_precision_score, f1_score, r2_score, root_mean_squared_error

from tutelage.results.result import read_history, read_result

MODELS = """
import torch
from torch import nn

def small(num_classes):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 24), nn.ReLU(), nn.Linear(24, num_classes))

def eyes():
    torch.manual_seed(1)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 48), nn.Tanh())
"""
LOOK = "image_size = 8, mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5], interpolation = 'nearest'"
CONFIG = """
[data]
source = "table:."
holdout = 0.25
{data}

[[teachers]]
source = "python:own_models:eyes"
name = "eyes"
input = {{ {look} }}

[student]
source = "python:own_models:small"
input = {{ {look} }}

[transfer]
beta = 0.1

[train]
steps = 150
batch_size = 40
lr = 1e-2
device = "cpu"
workers = 0

[cache]
workers = 0
"""
SEVERAL = 'task = "multi-label"\nlabel_separator = ";"'
VALUES = 'task = "regression"\nlabel = ["value", "ink"]'


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A table of 160 and 60 digits, some without labels, and models of one's own."""
    root = tmp_path_factory.mktemp("tasks")
    (root / "own_models.py").write_text(MODELS)
    source = load_digits()
    rows: dict[str, list[dict[str, object]]] = {"train": [], "test": []}
    for number in range(220):
        pixels, digit = source.images[number], int(source.target[number])
        image = Image.fromarray((pixels * 15.9).astype(np.uint8))
        image.save(root / f"{number}.png")
        names = [n for n, so in (("even", digit % 2 == 0), ("large", digit > 4)) if so]
        row: dict[str, object] = {
            "image": f"{number}.png",
            "label": ";".join(names),
            "value": 1000 + 50 * digit,
            "ink": round(float(pixels.mean()) / 1000, 6),
        }
        if number % 20 == 7:  # neither a value nor, in a list, a label
            row |= {"value": None, "ink": None}
        rows["train" if number < 160 else "test"].append(row)
    for split, lines in rows.items():
        (root / f"{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return root


@pytest.fixture
def begin(folder, command, monkeypatch, tmp_path):
    """Run the command beside the tables with a config for one kind of task."""

    def run(verb: str, data: str, *words: object) -> str:
        monkeypatch.chdir(folder)
        monkeypatch.syspath_prepend(str(folder))
        config = tmp_path / "config.toml"
        config.write_text(CONFIG.format(data=data, look=LOOK))
        code, out, err = command(verb, config, *words)
        assert code == 0, err
        return out

    yield run
    sys.modules.pop("own_models", None)


def outputs(student: Path, rows: list[dict[str, object]], folder: Path) -> torch.Tensor:
    """What the saved weights give, in plain PyTorch; nothing of ours."""
    weights = load_file(student / "model.safetensors")
    pixels = [np.asarray(Image.open(folder / str(r["image"])).convert("RGB")) for r in rows]
    x = (torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
    hidden = torch.relu(x.flatten(1) @ weights["1.weight"].T + weights["1.bias"])
    return hidden @ weights["3.weight"].T + weights["3.bias"]


def test_several_labels(begin, folder, tmp_path):
    out = begin("train", SEVERAL, "--out", tmp_path / "run")
    result = read_result(tmp_path / "run")
    assert (result.task, result.metric, result.classes) == (
        "multi-label",
        "average_precision",
        ["even", "large"],
    )
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    logits = outputs(tmp_path / "run" / "student", rows, folder)
    truth = np.array([[name in r["label"].split(";") for name in ("even", "large")] for r in rows])
    test = result.metrics["test"]
    found = average_precision_score(truth, logits, average="macro")
    assert test["average_precision"] == pytest.approx(found, abs=1e-6)
    assert found > 0.8
    assert test["micro_f1"] == pytest.approx(f1_score(truth, logits > 0, average="micro"))
    assert "average precision" in out
    assert "accuracy" not in read_history(tmp_path / "run")[0]


def test_regression(begin, folder, tmp_path):
    out = begin("train", VALUES, "--out", tmp_path / "run")
    result = read_result(tmp_path / "run")
    assert result.rows == {"train": 152, "test": 57, "unlabelled": 8}
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    rows = [row for row in rows if row["value"] is not None]
    raw = outputs(tmp_path / "run" / "student", rows, folder)  # in the targets' own units
    truth = np.array([[row["value"], row["ink"]] for row in rows])
    test = result.metrics["test"]
    assert test["r2"] == pytest.approx(r2_score(truth, raw.numpy()), abs=1e-4)
    assert test["r2"] > 0.4
    error = root_mean_squared_error(truth[:, 0], raw[:, 0])
    assert test["rmse/value"] == pytest.approx(error, rel=1e-4)
    assert error < 110  # the deviation is 145
    assert "R²" in out


TASKS = pytest.mark.parametrize(
    ("data", "title", "leads"),
    [(SEVERAL, "average precision %", "average_precision"), (VALUES, "R²", "r2")],
    ids=["multi-label", "regression"],
)


@TASKS
def test_teachers_are_ranked_and_probed(begin, tmp_path, data, title, leads):
    out = begin("rank", data, "--set", f"output.dir={tmp_path / 'ranked'}")
    head, row = out.splitlines()[:2]
    assert f"probe, {title}" in head
    assert row.startswith("eyes")
    assert "Transfer" in out
    out = begin("probe", data)
    assert f"test {title}" in out
    number = float(out.splitlines()[1].split()[1])
    assert number > (60 if "%" in title else 0.3)


@TASKS
def test_the_metric_chooses(begin, tmp_path, data, title, leads):
    out = begin(
        "tune", data, "--methods", "stl,btuning,probe", "--out", tmp_path / "tuned",
        "--set", "train.steps=30", "--set", "tune.beta=[0.1]", "--set", "tune.mix=[0.5]",
    )  # fmt: skip
    assert f"hold-out {title}" in out
    tried = json.loads((tmp_path / "tuned" / "tune.json").read_text())
    scores = {trial["name"]: trial["score"] for trial in tried["trials"]}
    assert len(scores) == 3
    assert tried["chosen"] == max(scores, key=scores.__getitem__)
    result = read_result(tmp_path / "tuned" / "trials" / tried["chosen"])
    assert scores[tried["chosen"]] == result.metrics["holdout"][leads]


@TASKS
def test_methods_side_by_side(begin, tmp_path, data, title, leads):
    out = begin(
        "compare", data, "--methods", "stl,aft-turned+probe", "--seeds", "3", "--out", tmp_path / "out",
        "--set", "train.steps=30",
    )  # fmt: skip
    assert title in out.splitlines()[0]
    table = json.loads((tmp_path / "out" / "compare.json").read_text())
    assert table["metric"]["name"] == leads
    stl, aft = table["rows"]
    assert aft["relative_error"] == pytest.approx(
        (1 - aft["score"]["mean"]) / (1 - stl["score"]["mean"])
    )
    assert leads in (tmp_path / "out" / "compare.csv").read_text().splitlines()[0]
    assert (tmp_path / "out" / f"{leads}.svg").is_file()
    runs = tmp_path / "out" / "runs"
    folders = sorted(str(path.parent) for path in runs.rglob("result.json"))
    assert len(folders) == 6
    from tutelage.report import print_result, write_report

    page = write_report([Path(folder) for folder in folders]).read_text()
    print_result([Path(folder) for folder in folders])
    words = page.lower().replace("subset accuracy", "")  # which is a metric of several labels
    assert "accuracy" not in words


def test_a_run_goes_on_as_if_it_had_not_been_stopped(begin, tmp_path):
    settings = ("--set", "train.steps=20", "--set", "train.checkpoint_every=10")
    settings += ("--method", "aft-turned")  # which learns something before training
    begin("train", VALUES, "--out", tmp_path / "whole", *settings)
    from tutelage.training import state as training

    def stopped(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        saved = training.save_checkpoint
        patch.setattr(training, "save_checkpoint", lambda *a, **k: (saved(*a, **k), stopped()))
        with pytest.raises((KeyboardInterrupt, AssertionError)):
            begin("train", VALUES, "--out", tmp_path / "killed", *settings)
    begin("train", VALUES, "--out", tmp_path / "killed", "--resume", *settings)
    whole, killed = (read_result(tmp_path / name) for name in ("whole", "killed"))
    assert whole.metrics == killed.metrics
    ours, theirs = (
        load_file(tmp_path / name / "student" / "model.safetensors") for name in ("whole", "killed")
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("data", "settings", "message"),
    [
        (
            'task = "regression"\nlabel = "value"\nmetric = "spearmann"',
            (),
            "did you mean 'spearman'",
        ),
        (VALUES, ("train.label_smoothing=0.1",), "leave it out"),
        (SEVERAL, ("train.class_weights.evn=2.0",), "did you mean 'even'"),
        ('label = "label"', ("data.metric=f1",), "that of the second of two classes"),
    ],
)
def test_mistakes_end_with_one_message(
    folder, command, tmp_path, data, settings, message, monkeypatch
):
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    config = tmp_path / "config.toml"
    config.write_text(CONFIG.format(data=data, look=LOOK))
    words = [word for setting in settings for word in ("--set", setting)]
    code, _, err = command("train", config, "--out", tmp_path / "run", *words)
    sys.modules.pop("own_models", None)
    assert code == 2
    assert message in err
    assert "Traceback" not in err
