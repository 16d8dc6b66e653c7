"""What a study would take: the runs that are left, as many as the study then trains."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from digit_search import files, runs_of, search_table

from tutelage.config import StudyConfig, load_study
from tutelage.errors import ConfigError, TrainingError
from tutelage.progress import Silent
from tutelage.sweeps.studies import study
from tutelage.sweeps.study_estimate import StudyEstimate, estimate_study

TEACHER = {"source": "timm:test_vit", "params": {"weights": "random", "image_size": 32}}


@pytest.fixture
def table(digits, tmp_path, monkeypatch) -> dict[str, Any]:
    """Two data sets, of which the second one has half of the rows."""
    whole = search_table(digits, tmp_path, monkeypatch)
    data = whole.pop("data")
    del whole["output"]
    for name, limit in (("one", None), ("two", 30)):
        own = {"name": name, "data": data | ({} if limit is None else {"limit": limit})}
        (tmp_path / f"{name}.toml").write_text(tomli_w.dumps(own))
    student = whole.pop("student")
    whole["teachers"] = [TEACHER]
    whole["compare"] = {
        "methods": ["stl", "aft"],
        "seeds": 2,
        "tune": True,
        "students": [student, TEACHER],
    }
    return {"title": "Two sets", "data": ["one.toml", "two.toml"], "experiment": whole}


class Ending(Silent):
    """A user's Ctrl-C when so many runs of a data set are finished."""

    def __init__(self, name: str, *, runs: int) -> None:
        self.name, self.runs = name, runs
        self.at = ""

    def note(self, message: str) -> None:
        self.at = message.rpartition(": ")[2] if message.startswith("data set ") else self.at

    @contextmanager
    def track(
        self, label: str, total: int, *, unit: str, done: int = 0
    ) -> Iterator[Callable[[int], None]]:
        def update(count: int) -> None:
            if (self.at, label, count) == (self.name, "compare", self.runs):
                raise KeyboardInterrupt

        yield update


def left(expected: StudyEstimate) -> int:
    counts = [sum(part.left for part in one.parts) for one in expected.data.values()]
    assert counts == [sum(runs.count for runs in one.runs) for one in expected.data.values()]
    return sum(counts)


def finished(expected: StudyEstimate) -> int:
    return sum(part.finished for one in expected.data.values() for part in one.parts)


def estimated(table: dict[str, Any], out: Path, **more: Any) -> StudyEstimate:
    """An estimate that leaves the folder as it was."""
    before = files(out)
    expected = estimate_study(load_study(table), out=out, **more)
    assert files(out) == before
    assert out.exists() == bool(before)
    return expected


def test_a_study_has_the_runs_that_it_goes_on_with(table, tmp_path):
    out = tmp_path / "out"
    config = load_study(table)
    whole = left(estimated(table, out))
    assert whole == 2 * 2 * (2 + 2 + 2)  # data sets, students; stl, aft's two strengths, aft
    with pytest.raises(KeyboardInterrupt):
        study(config, out=out, progress=Ending("two", runs=3))
    begun = estimated(table, out)
    assert left(begun) + finished(begun) == whole
    assert [part.left for part in begun.data["one"].parts] == [0, 0]
    assert finished(begun) == 12 + 4 + 3
    assert runs_of(lambda: study(config, out=out), out) == left(begun)
    done = estimated(table, out)
    assert (left(done), finished(done), done.training, done.extraction) == (0, whole, 0, 0)
    assert left(estimated(table, out, seeds=3)) == 2 * 2 * 2


def test_parts_are_students_and_shares(table, tmp_path):
    table["experiment"]["compare"] |= {"tune": False, "fractions": [0.5, 1.0]}
    table["data"] = ["one.toml"]
    parts = estimated(table, tmp_path / "out").data["one"].parts
    assert [(part.student, part.fraction, part.left) for part in parts] == [
        (student, fraction, 4) for student in ("small", "test_vit") for fraction in (0.5, 1.0)
    ]
    assert all(part.seconds > 0 for part in parts)


def test_features_that_data_sets_share_are_counted_once(table, tmp_path):
    table["experiment"]["compare"] |= {"tune": False, "seeds": 1}
    shutil.copy("one.toml", "three.toml")
    table["data"].append("three.toml")
    table["each"] = {"three": {"train": {"steps": 3}}}
    expected = estimated(table, tmp_path / "out")
    rows = {name: [t.estimate.rows for t in one.teachers] for name, one in expected.data.items()}
    assert rows == {"one": [60], "two": [30], "three": []}
    sizes = [one.teachers[0].estimate.bytes for one in expected.data.values() if one.teachers]
    assert expected.disk == sum(sizes)
    study(load_study(table | {"data": ["one.toml"], "each": {}}), out=tmp_path / "one")
    assert estimated(table, tmp_path / "out").disk == sizes[1]


def refused(table: dict[str, Any], out: Path, kind: type[Exception]) -> str:
    """What the estimate says, which the study says, too."""
    config: StudyConfig = load_study(table)
    with pytest.raises(kind) as told:
        estimate_study(config, out=out)
    with pytest.raises(kind) as told_by_study:
        study(config, out=out)
    assert str(told.value) == str(told_by_study.value)
    return str(told.value)


def test_what_the_study_refuses_is_refused(table, tmp_path):
    out = tmp_path / "out"
    table["experiment"]["compare"] |= {"tune": False, "seeds": 1, "methods": ["stl"]}
    study(load_study(table), out=out)
    before = (out / "one/compare.toml").read_bytes()
    other = table | {"experiment": table["experiment"] | {"seed": 5}}
    assert "holds another study" in refused(other, out, ConfigError)
    edited = Path("two.toml").read_text().replace("limit = 30", "limit = 31")
    Path("two.toml").write_text(edited)
    assert "holds a comparison with other settings" in refused(table, out, ConfigError)
    assert (out / "one/compare.toml").read_bytes() == before
    misspelt = table | {"experiment": table["experiment"] | {"sead": 5}}
    assert "unknown setting sead" in refused(misspelt, tmp_path / "new", ConfigError)
    assert not (tmp_path / "new").exists()


def test_data_sets_and_rows_that_fail_are_told(table, tmp_path, command):
    gone = {"name": "gone", "data": {"source": "folder:gone"}}
    Path("gone.toml").write_text(tomli_w.dumps(gone))
    table["data"].append("gone.toml")
    table["experiment"]["compare"] = {"methods": ["stl", "aft"], "seeds": 1}
    table["experiment"]["student"] = TEACHER
    table["each"] = {"two": {"transfer": {"params": {"kernl": 1}}}}
    Path("study.toml").write_text(tomli_w.dumps(table))
    status, out, _ = command("study", "study.toml", "--out", "out", "--dry-run", "--jobs", "2")
    assert status == 1
    assert "two: aft would fail: unknown transfer.params.kernl" in out
    assert "gone would be missing: " in out
    assert "all, one after the other: " in out
    assert "with --jobs 2: " in out
    runs = [line.split()[:4] for line in out.splitlines()]
    assert ["one", "test_vit", "0", "2"] in runs
    assert ["two", "test_vit", "0", "1"] in runs
    assert ["all", "0", "3"] in [line[:3] for line in runs]
    assert not Path("out").exists()
    table["data"] = ["gone.toml"]
    table["each"] = {}
    refused(table, tmp_path / "out", TrainingError)


TINY = {
    "title": "RTE",
    "data": ["recipe:rte"],
    "experiment": {
        "teachers": [{"source": "hf:google/flan-t5-large"}],
        "student": {"source": "hf:prajjwal1/bert-small", "params": {"model_type": "bert"}},
        "compare": {"methods": ["stl", "aft"], "tune": False},
    },
    "tiny": {"compare": {"seeds": 1}},
    "scale": "tiny",
}


def test_the_tiny_scale_is_estimated_with_its_stand_ins(tmp_path, monkeypatch):
    monkeypatch.setenv("TUTELAGE_CACHE", str(tmp_path / "cache"))
    out = tmp_path / "out"
    images = TINY | {"data": ["recipe:cifar10"]}
    told = refused(images, tmp_path / "images", TrainingError)
    assert f"hf:{tmp_path}/images/stand-ins/bert-small takes texts" in told
    assert left(estimated(TINY, out)) == 2
    study(load_study(TINY), out=out)
    done = estimated(TINY, out)
    assert (left(done), finished(done), done.disk) == (0, 2, 0)
    more = TINY | {"tiny": {"compare": {"seeds": 2}, "train": {"steps": 4}}}
    assert "holds another study" in refused(more, out, ConfigError)
    shutil.rmtree(out / "stand-ins")
    with pytest.raises(ConfigError, match=r"lacks stand-ins that .*rte was begun with"):
        estimated(TINY, out)
    study(load_study(TINY), out=out)
    assert finished(estimated(TINY, out)) == 2
