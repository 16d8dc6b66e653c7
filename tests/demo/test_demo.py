"""The demos from end to end, shortened: their settings are what is shortened, not their parts."""

from dataclasses import replace

from rich.console import Console

from tutelage.demo.demos import IMAGES, TEXTS, DemoMethod
from tutelage.demo.run import run_demo
from tutelage.progress import Silent
from tutelage.results.result import read_result

SHORT = ("train.steps=3", "train.batch_size=16")
SHORT_TEXTS = (
    *SHORT,
    "data.params.train=400",
    "data.params.unlabelled=60",
    "data.params.test=40",
    "teachers.0.params.max_length=16",
)
SHORT_IMAGES = (
    *SHORT,
    "data.params.train=100",
    "data.params.unlabelled=30",
    "data.params.test=40",
)
TRIED = (
    *(DemoMethod("aft", {"beta": beta}) for beta in (3.0, 30.0)),
    DemoMethod("probe", {"mix": 0.7}),
    DemoMethod("probe", {"mix": 0.7}, unlabelled=True),
)


def test_demo_chooses_on_a_hold_out_and_compares(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    console = Console(record=True, width=200)
    page = run_demo(
        replace(TEXTS, tried=TRIED),
        tmp_path / "demo",
        console=console,
        progress=Silent(),
        seeds=2,
        jobs=1,
        settings=SHORT_TEXTS,
    )
    said = console.export_text()
    assert "MiniLM-L6" in said
    assert str(page) in said
    held = {
        way.name: read_result(page.parent / "holdout" / way.name).metrics["holdout"]["accuracy"]
        for way in TRIED
    }
    strength = max((3, 30), key=lambda beta: held[f"aft-beta-{beta}"])
    best = max(held, key=held.get)
    expected = dict.fromkeys(["stl", f"aft-beta-{strength}", "probe-mix-0.7", best])
    folders = {f.parent.name for f in page.parent.glob("*-seed-*/result.json")}
    assert folders == {f"{name}-seed-{seed}" for name in expected for seed in (0, 1)}
    for name in folders:
        rows = {"train": 400, "test": 40}
        more = {"unlabelled": 60} if "unlabelled" in name else {}
        assert read_result(page.parent / name).rows == rows | more


def test_demo_on_images(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    console = Console(record=True, width=200)
    page = run_demo(
        replace(IMAGES, tried=TRIED[-1:]),
        tmp_path / "demo",
        console=console,
        progress=Silent(),
        seeds=1,
        jobs=1,
        settings=SHORT_IMAGES,
    )
    assert "EfficientNet-Lite0" in console.export_text()
    taught = read_result(page.parent / "probe-mix-0.7-unlabelled-seed-0")
    assert taught.rows == {"train": 100, "unlabelled": 30, "test": 40}
    assert (taught.teachers[0].width, taught.student.width) == (448, 576)
    assert read_result(page.parent / "stl-seed-0").rows == {"train": 100, "test": 40}


def test_settings_as_they_are_run(tmp_path):
    config = TEXTS.config(tmp_path, DemoMethod("aft+probe", {"beta": 3.0, "mix": 0.9}), seed=4)
    assert (config.transfer.beta, config.transfer.mix, config.seed) == (3.0, 0.9, 4)
    assert config.train.unlabelled_share == 0
    assert config.data.source == "python:tutelage.demo.data:newsgroups"
    assert TEXTS.config(tmp_path, DemoMethod("aft", unlabelled=True)).train.unlabelled_share == 0.5
    assert IMAGES.config(tmp_path, DemoMethod("stl", steps=7)).train.steps == 7
