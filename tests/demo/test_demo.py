"""The demo from end to end, shortened: its settings are what is shortened, not its parts."""

from rich.console import Console

from tutelage.demo.run import BETAS, demo_config, run_demo
from tutelage.progress import Silent
from tutelage.result import read_result

SHORT = (
    "train.steps=3",
    "train.batch_size=16",
    "data.params.train=400",
    "data.params.test=40",
    "teachers.0.params.max_length=16",
)


def test_demo_chooses_on_a_hold_out_and_compares(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    console = Console(record=True, width=200)
    page = run_demo(tmp_path / "demo", console=console, progress=Silent(), seeds=2, settings=SHORT)
    said = console.export_text()
    assert "MiniLM-L6" in said
    assert str(page) in said
    results = [read_result(f.parent) for f in sorted(page.parent.glob("*-seed-*/result.json"))]
    assert [(r.method, r.seed) for r in results] == [("aft", 0), ("aft", 1), ("stl", 0), ("stl", 1)]
    assert all(r.rows == {"train": 400, "test": 40} for r in results)
    chosen = {r.beta for r in results if r.method == "aft"}
    held = [read_result(f.parent) for f in page.parent.glob("holdout/*/result.json")]
    assert {r.beta for r in held} == set(BETAS)
    assert all(set(r.metrics) == {"train", "holdout"} for r in held)
    means = {
        beta: sum(r.metrics["holdout"]["accuracy"] for r in held if r.beta == beta)
        for beta in BETAS
    }
    assert chosen == {max(means, key=means.get)}


def test_settings_as_they_are_run(tmp_path):
    config = demo_config(tmp_path, beta=3.0, seed=4)
    assert (config.transfer.beta, config.seed) == (3.0, 4)
    assert config.data.source == "python:tutelage.demo.data:newsgroups"
