"""Studies end to end: each data set a comparison, resumed, and what is missing said."""

import json

import pytest

from tutelage.config import load_study, read_toml
from tutelage.results.studies import read_study
from tutelage.sweeps.studies import study as run_study

STUDY = """
title = "Two sets of digits"
data = ["one.toml", "two.toml", "none.toml"]

[experiment.student]
source = "timm:test_resnet"
params = { weights = "random", image_size = 32 }

[[experiment.teachers]]
source = "timm:test_vit"
params = { weights = "random", image_size = 32 }

[experiment.train]
steps = 3
batch_size = 20
workers = 0
device = "cpu"

[experiment.compare]
methods = ["stl", "aft"]
seeds = 1
"""


@pytest.fixture
def place(digits, tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    for name, source in (("one", digits), ("two", digits), ("none", tmp_path / "none")):
        seed = len(name)
        text = f'name = "{name}"\n[data]\nsource = "folder:{source}"\nsplit_seed = {seed}\n'
        (folder / f"{name}.toml").write_text(text)
    (folder / "digits.toml").write_text(STUDY)
    return folder / "digits.toml"


def test_a_study_resumes_and_says_what_is_missing(place, command, tmp_path):
    code, out, err = command("study", place, "--out", tmp_path / "out")
    assert code == 1  # of one data set nothing could be finished
    assert "none is missing in the study" in err
    study = read_study(tmp_path / "out")
    assert study.data == ("one", "two")
    assert set(study.missing) == {"none"}
    rows = {(row.data, row.method): row for row in study.rows}
    one = json.loads((tmp_path / "out/one/compare.json").read_text())
    assert [row["values"] for row in one["rows"]] == [
        {str(seed): value for seed, value in rows["one", method].values.items()}
        for method in ("stl", "aft")
    ]
    normalized = next(one for one in study.methods if one.method == "aft")
    wanted = [rows[name, "aft"].relative_error for name in ("one", "two")]
    assert normalized.common.mean == pytest.approx(sum(wanted) / 2)
    assert (tmp_path / "out/study.html").is_file()
    assert "normalized error" in out

    marks = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("result.json")}
    assert len(marks) == 4
    again = load_study(read_toml(place))
    run_study(again, out=tmp_path / "out", beside=place.parent)
    assert read_study(tmp_path / "out") == study
    assert {path: path.stat().st_mtime_ns for path in marks} == marks

    place.write_text(STUDY.replace("steps = 3", "steps = 4"))
    code, _, err = command("study", place, "--out", tmp_path / "out")
    assert code == 2
    assert "holds another study" in err


def test_an_edited_data_set_is_refused_and_its_numbers_stay(place, command, tmp_path):
    command("study", place, "--out", tmp_path / "out")
    before = (tmp_path / "out/study.json").read_bytes()
    two = place.with_name("two.toml")
    two.write_text(two.read_text().replace("split_seed = 3", "split_seed = 4"))
    code, _, err = command("study", place, "--out", tmp_path / "out")
    assert code == 2
    assert "out/two holds a comparison with other settings" in " ".join(err.split())
    assert (tmp_path / "out/study.json").read_bytes() == before


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("compare.toml", "holds a comparison (compare.toml)"),
        ("trials/x", "holds a search (trials)"),
        ("result.json", "holds a run (result.json)"),
    ],
)
def test_a_folder_of_something_else_is_refused(place, command, tmp_path, mark, said):
    """As that of a data set in another study is; nothing is written, with a dry run or without."""
    folder = tmp_path / "other/one"
    path = folder / mark
    path.parent.mkdir(parents=True)
    path.touch()
    before = sorted((tmp_path / "other").rglob("*"))
    for more in (["--dry-run"], []):
        code, _, err = command("study", place, "--out", folder, *more)
        assert code == 2
        assert said in " ".join(err.split())
        assert [
            one for one in sorted((tmp_path / "other").rglob("*")) if one.name != ".lock"
        ] == before


def test_a_comparison_in_a_study_s_folder_is_refused(place, command, tmp_path, digits):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "study.toml").touch()
    settings = ("--data", f"folder:{digits}", "--student", "timm:test_resnet")
    settings += ("--set", "transfer.method=stl", "--methods", "stl")
    for more in (["--dry-run"], []):
        code, _, err = command("compare", *settings, "--out", folder, *more)
        assert code == 2
        assert "holds a study (study.toml)" in " ".join(err.split())
    assert not (folder / "compare.toml").exists()


def test_mistakes_come_before_the_first_run(place, command, tmp_path):
    place.write_text(STUDY.replace("steps = 3", "stebs = 3"))
    code, _, err = command("study", place, "--out", tmp_path / "out")
    assert code == 2
    assert "one.toml: unknown setting train.stebs; did you mean 'steps'?" in err
    assert "two.toml: unknown setting train.stebs" in err
    assert not (tmp_path / "out").exists()


def test_studies_that_there_are_not(command):
    code, _, err = command("study", "paper:none")
    assert code == 2
    assert "there is no study 'none'" in err
    code, _, err = command("study", "none.toml")
    assert code == 2
    assert "no config file none.toml" in err


def test_the_tiny_scale(command, tmp_path):
    """A study of the hub's data and models, offline; its folder is not that of the full scale."""
    (tmp_path / "rte.toml").write_text(
        """
title = "RTE"
data = ["recipe:rte"]

[experiment]
teachers = [{ source = "hf:google/flan-t5-large" }]
student = { source = "hf:prajjwal1/bert-small", params = { model_type = "bert" } }

[experiment.compare]
methods = ["stl", "aft"]
tune = false

[tiny.compare]
seeds = 1
"""
    )
    code, out, err = command("study", "rte.toml", "--scale", "tiny")
    assert code == 0, err
    assert err.startswith("TINY SCALE")
    assert "its numbers mean nothing" in out
    study = read_study(tmp_path / "runs/rte-tiny")
    assert (study.scale, study.data) == ("tiny", ("rte",))
    assert [row.method for row in study.rows] == ["stl", "aft"]
    assert study.rows[1].teachers == ("flan-t5-large",)
    code, _, err = command("study", "rte.toml", "--out", "runs/rte-tiny")
    assert code == 2
    assert "holds another study" in err


def test_a_study_that_a_stopped_process_begins_is_told(
    place, command, tmp_path, monkeypatch, stopped_holder
):
    monkeypatch.setattr("tutelage.files.locks.SAID_AFTER", 0.1)
    monkeypatch.setattr("tutelage.files.locks.AT_MOST", 0.3)
    lock = tmp_path / "out" / ".lock"
    stopped_holder(lock)
    code, _, err = command("study", place, "--out", tmp_path / "out")
    assert code == 2
    assert f"another process that begins this study has held {lock} for" in err
