"""The demo from end to end, shortened: its settings are what is shortened, not its parts."""

from rich.console import Console

from tutelage.demo.run import DemoMethod, demo_config, run_demo
from tutelage.progress import Silent
from tutelage.results.result import read_result

SHORT = (
    "train.steps=3",
    "train.batch_size=16",
    "data.params.train=400",
    "data.params.unlabelled=60",
    "data.params.test=40",
    "teachers.0.params.max_length=16",
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
        tmp_path / "demo",
        console=console,
        progress=Silent(),
        seeds=2,
        tried=TRIED,
        settings=SHORT,
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


def test_settings_as_they_are_run(tmp_path):
    config = demo_config(tmp_path, DemoMethod("aft+probe", {"beta": 3.0, "mix": 0.9}), seed=4)
    assert (config.transfer.beta, config.transfer.mix, config.seed) == (3.0, 0.9, 4)
    assert config.train.unlabelled_share == 0
    assert config.data.source == "python:tutelage.demo.data:newsgroups"
    assert demo_config(tmp_path, DemoMethod("aft", unlabelled=True)).train.unlabelled_share == 0.5
