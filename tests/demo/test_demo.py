"""The demos: one from end to end, shortened in its settings alone; the other as far as training."""

from dataclasses import replace
from functools import partial

from rich.console import Console

from tutelage.demo.demos import IMAGES, TEXTS
from tutelage.demo.run import run_demo, students_of
from tutelage.experiment.parts import build_student
from tutelage.experiment.plan import Plan
from tutelage.progress import Silent
from tutelage.results.result import read_result
from tutelage.results.tuning import read_tuning
from tutelage.sweeps.choice import read_choice

SHORT = (
    "train.patience=0.01",
    "train.batch_size=16",
    "tune.folds=2",
    "tune.beta=[3.0]",
    "data.params.unlabelled=30",
    "data.params.test=40",
)


def test_demo_searches_on_folds_and_compares_over_seeds(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    console, folder = Console(record=True, width=200), tmp_path / "demo"
    notes: list[str] = []

    class Notes(Silent):
        def note(self, message):
            notes.append(message)

    arguments = {"console": console, "progress": Notes(), "seeds": 2, "jobs": 1, "settings": SHORT}
    page = run_demo(replace(IMAGES, budget="15"), folder, **arguments)
    said = console.export_text()
    assert "EfficientNet-Lite0" in said
    assert str(page) in said
    assert "Most wrong" in page.read_text()
    assert "is not shown" not in page.read_text(), "the teacher's view of the test rows"
    assert notes
    assert not [line for line in notes if "is not used" in line]
    assert (folder / "auto" / "report.html").is_file()

    choice, runs = read_choice(folder / "auto"), folder / "auto"
    assert {one.method for one in choice.tried} > {"stl"}
    plain = read_result(runs / ("chosen" if choice.chosen == choice.baseline else "baseline"))
    assert (plain.method, plain.rows) == ("stl", {"train": 100, "test": 40})
    for seed, place in enumerate(("aft", "aft-seed-1")):
        aft = read_result(runs / place)
        assert (aft.seed, aft.rows) == (seed, plain.rows)
        assert aft.config["train"]["lr"] == plain.config["train"]["lr"]
        assert aft.beta == read_tuning(runs / "beta").best.settings["beta"]
    searched = [*runs.glob("trials/**/result.json"), *runs.glob("beta/**/result.json")]
    assert len(searched) > 8
    for path in searched:  # the test rows choose nothing
        assert set(read_result(path.parent).metrics) == {"train", "holdout"}


def test_students_are_compared_each_once(tmp_path, choice_of, write_run):
    config = IMAGES.config(tmp_path / "auto")
    points = {"stl lr=0.01": [0.5], "aft lr=0.01 beta=3.0 unlabelled_share=0.5": [0.6]}
    rows = {"train": 100, "unlabelled": 30, "test": 40}
    result = read_result(write_run(tmp_path / "run")).model_copy(update={"rows": rows})

    def aft(plain, *, beta):
        changes = {"transfer.method": "aft", "transfer.beta": beta, "train.unlabelled_share": 0.0}
        return plain.replace(changes | {"output.dir": tmp_path / "aft"})

    def places(beta, **chosen):
        choice = choice_of(points, result=result, **chosen)
        return [
            (one.output.dir.name, one.transfer.method, one.train.lr, one.train.unlabelled_share)
            for one in students_of(config, choice, aft=partial(aft, beta=beta))
        ]

    plain, published = ("baseline", "stl", 0.01, 0.5), ("aft", "aft", 0.01, 0.0)
    alone, chosen = ("alone", "aft", 0.01, 0.0), ("chosen", "aft", 0.01, 0.5)
    assert places(1.0) == [plain, published, alone, chosen]
    assert places(3.0) == [
        plain,
        published,
        chosen,
    ]  # the chosen one's strength is the published one's
    result = result.model_copy(update={"rows": {"train": 100, "test": 40}})
    assert places(1.0, chosen="stl-lr-0.01") == [("chosen", *plain[1:]), published]


def test_the_demo_on_texts_is_what_its_page_says(tmp_path):
    plan = Plan.of(TEXTS.config(tmp_path, settings=["transfer.method='probe'"]))
    assert plan.counts == {"train": 2000, "test": 2000, "unlabelled": 9260}  # 13 are test rows, too
    assert len(plan.data.classes) == 20
    student = build_student(plan)
    assert student.width == 64
    assert 1_900_000 < student.parameters < 2_100_000
