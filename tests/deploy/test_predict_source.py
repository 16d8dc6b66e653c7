"""``tutelage predict``: any source, its ids, unreadable rows, and the accuracy of the run."""

import csv
import json
import re
import shutil

import pyarrow.parquet as pq
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import Columns, open_data
from tutelage.data.unseen import read_labelled, read_unseen
from tutelage.errors import DataError
from tutelage.results.result import read_result


def table(path):
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def accuracy(folder, predicted):
    """Of the evaluated rows of a run, joined by their ids."""
    result = read_result(folder)
    from tutelage.deploy.saved import SavedRun

    _, splits = open_data(SavedRun.open(folder).config.data)
    rows = splits.evaluated
    right = [
        predicted[name]["prediction"] == result.classes[label]
        for name, label in zip(rows.ids, rows.labels.tolist(), strict=True)
    ]
    return sum(right) / len(right)


@pytest.mark.parametrize(
    ("kind", "data"), [("digit_run", "digits"), ("review_run", "reviews"), ("pair_run", "captions")]
)
def test_the_accuracy_of_the_run(kind, data, command, tmp_path, request):
    folder, source = (request.getfixturevalue(name) for name in (kind, data))
    scheme = "folder" if kind == "digit_run" else "table"
    out = tmp_path / "p.csv"
    code, said, err = command(
        "predict", folder, f"{scheme}:{source}", "--split", "test", "--out", out
    )
    assert code == 0, err
    assert f"wrote {out}: {read_result(folder).rows['test']} rows (" in said
    found = accuracy(folder, table(out))
    assert found == pytest.approx(read_result(folder).metrics["test"]["accuracy"], abs=1e-9)


def test_several_splits_are_named(review_run, reviews, command, tmp_path):
    out = tmp_path / "p.parquet"
    assert command("predict", review_run, reviews, "--out", out, "--top", 2)[0] == 0
    rows = pq.read_table(out).to_pylist()
    assert [sum(row["split"] == name for row in rows) for name in ("train", "test")] == [60, 24]
    assert {row["prediction"] for row in rows} | {row["prediction_2"] for row in rows} == {
        *("fresh", "rotten")
    }


@pytest.mark.parametrize("kind", ["folder", "table"])
def test_a_split_by_its_name_is_read_alone(kind, tmp_path):
    """Others hold a class that it lacks, which is no mistake, and are not called left out."""
    for split, classes in (("train", "abc"), ("val", "abc"), ("test", "ab")):
        for name in classes:
            (tmp_path / "folder" / split / name).mkdir(parents=True)
            Image.new("RGB", (4, 4)).save(tmp_path / "folder" / split / name / "1.png")
        (tmp_path / "table").mkdir(exist_ok=True)
        lines = "".join(f"row of {name},{name}\n" for name in classes)
        (tmp_path / "table" / f"{split}.csv").write_text("text,label\n" + lines)
    source, modality = f"{kind}:{tmp_path / kind}", "image" if kind == "folder" else "text"
    config, like = DataConfig(source=source), Columns(text=("text",))
    data = read_labelled(source, config, modality=modality, like=like, split="test")
    assert (data.classes, data.notes, list(data.splits)) == (("a", "b"), (), ["train"])
    assert len(data.splits["train"]) == 2
    assert read_unseen(source, config, modality=modality, like=like, split="val").notes == ()


def test_a_fault_of_a_split_by_its_name_has_that_name(tmp_path):
    for split in ("train", "test"):
        (tmp_path / f"{split}.csv").write_text('text,label\ngood,a\n" ",b\n')
    source, like = f"table:{tmp_path}", Columns(text=("text",))
    config = DataConfig(source=source)
    (split,) = read_unseen(source, config, modality="text", like=like, split="test").splits
    assert split.faults[1].startswith("row 1 of the test rows of")


def test_new_pictures_without_class_folders(digit_run, digits, command, tmp_path):
    new = tmp_path / "new"
    (new / "deep").mkdir(parents=True)
    shutil.copy(digits / "test/five/20.jpg", new / "a.jpg")
    shutil.copy(digits / "test/eight/20.jpg", new / "deep/b.jpg")
    out = tmp_path / "p.jsonl"
    assert command("predict", digit_run, new, "--out", out, "--probabilities")[0] == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["id"] for row in rows] == ["a.jpg", "deep/b.jpg"]
    assert sum(rows[0][f"p({name})"] for name in ("eight", "five", "three")) == pytest.approx(1)
    code, said, _ = command("predict", digit_run, new)  # printed
    assert code == 0
    assert "deep/b.jpg" in said
    code, said, _ = command("predict", digit_run, new / "a.jpg")
    assert code == 0
    assert rows[0]["prediction"] in said


def test_a_sentence_a_text_file_and_a_table_with_other_columns(review_run, command, tmp_path):
    code, said, _ = command("predict", review_run, "a fine film")
    assert code == 0
    assert {"fresh", "rotten"} <= set(said.split())
    (tmp_path / "new.txt").write_text("a fine film\n\ndull\n")
    code, said, err = command(
        "predict", review_run, tmp_path / "new.txt", "--out", tmp_path / "p.csv"
    )
    assert (code, "2 rows" in said, "blank line" in err) == (0, True, True)
    (tmp_path / "new.csv").write_text("key,review\nk1,a fine film\n")
    code, said, err = command("predict", review_run, tmp_path / "new.csv")
    assert code == 2
    assert "no column 'text'" in err
    sets = ("--set", "data.template=Snippet: {review}\nIt is", "--set", "data.id=key")
    code, said, err = command("predict", review_run, tmp_path / "new.csv", *sets)
    assert (code, "k1" in said) == (0, True), err


def test_rows_that_cannot_be_read(digit_run, digits, review_run, command, tmp_path):
    new, out = tmp_path / "new", tmp_path / "p.csv"
    shutil.copytree(digits / "test/five", new)
    (new / "broken.jpg").write_text("hello")
    code, _, err = command("predict", digit_run, new, "--out", out)
    assert (code, out.exists()) == (2, False)
    assert "row 'broken.jpg' cannot be read" in err
    assert "--skip-unreadable" in err
    code, said, _ = command("predict", digit_run, new, "--out", out, "--skip-unreadable")
    assert code == 0
    assert "skipped 1 of 9 rows" in said
    assert "broken.jpg: image" in said
    assert set(table(out)) == {f"{n}.jpg" for n in range(20, 28)}

    texts = tmp_path / "gaps.jsonl"
    texts.write_text('{"id": "x", "text": null}\n{"id": "y", "text": "fine"}\n')
    code, _, err = command("predict", review_run, texts, "--out", out)
    assert (code, "row 'x' cannot be read" in err) == (2, True)
    assert command("predict", review_run, texts, "--out", out, "--skip-unreadable")[0] == 0
    assert set(table(out)) == {"y"}


def test_rows_that_are_skipped_in_two_splits(review_run, command, tmp_path):
    """Their ids may be the same: rows without ids are numbered in each split."""
    for name in ("train", "test"):
        (tmp_path / f"{name}.csv").write_text("text,label\nfine,fresh\n,rotten\n")
    words = ("--out", tmp_path / "p.csv", "--skip-unreadable")
    code, said, _ = command("predict", review_run, tmp_path, *words)
    assert (code, "skipped 2 of 4 rows" in said, "test: 1: " in said) == (0, True, True), said


def test_a_setting_of_the_data_holds_for_a_sentence(review_run, command):
    plain = command("predict", review_run, "a fine film")[1]
    other = command("predict", review_run, "a fine film", "--set", "data.template=dull {text}")
    assert (other[0], other[1] != plain) == (0, True)


def test_the_rows_that_are_read_are_not_written_over(review_run, reviews, command, tmp_path):
    data = tmp_path / "rows.jsonl"
    shutil.copy(reviews / "test.jsonl", data)
    before = data.read_bytes()
    (tmp_path / "link.jsonl").symlink_to(data)
    for source, out in ((data, data), (f"table:{data}", tmp_path / "link.jsonl")):
        code, _, err = command("predict", review_run, source, "--out", out)
        assert (code, "would be written over" in err) == (2, True)
    (tmp_path / "rows.json").write_text(json.dumps([json.loads(before.splitlines()[0])]))
    code, _, err = command(
        "evaluate", review_run, tmp_path / "rows.json", "--out", tmp_path / "rows.json"
    )
    assert (code, "would be written over" in err) == (2, True)
    assert data.read_bytes() == before


def test_labels_and_numbers(labels_run, numbers_run, captions, command, tmp_path):
    out = tmp_path / "p.jsonl"
    assert command("predict", labels_run, captions, "--split", "test", "--out", out)[0] == 0
    row = json.loads(out.read_text().splitlines()[0])
    assert row["id"] == "test0"
    assert row["prediction"] == [n for n in ("warm", "loud") if row[f"p({n})"] >= 0.5]
    assert command("predict", numbers_run, captions, "--split", "test", "--out", out)[0] == 0
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    heights = [
        json.loads(line)["height"]
        for line in (captions / "test.jsonl").read_text().split("\n")[:-1]
    ]
    errors = [abs(row["prediction"] - height) for row, height in zip(rows, heights, strict=True)]
    mae = read_result(numbers_run).metrics["test"]["mae"]
    assert sum(errors) / len(errors) == pytest.approx(mae, rel=1e-5)


TEXTS = {"modality": "text", "like": Columns(text=("text",))}


@pytest.mark.parametrize("word", ["and/or", "he/she/they", "~5"])
def test_a_word_with_a_slash_is_a_text_where_nothing_is_called_so(word, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = read_unseen(word, DataConfig(source="table:x.csv"), **TEXTS)
    assert rows.splits[0].rows[0] == (word,)
    said = (f"{word!r} is read as a text, since there is no such file or folder",)
    assert rows.notes == (said if "/" in word else ())


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("reviews/nww", "; did you mean 'reviews/new'?"),
        ("revews/new", "; did you mean 'reviews/new'?"),
        ("reviews/2026", ""),
        ("./and/or", ""),
        ("/and/or", ""),
        ("and/or/", ""),
    ],
)
def test_a_word_with_a_slash_is_a_path_where_it_is_like_one(word, hint, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "reviews" / "new").mkdir(parents=True)
    with pytest.raises(DataError, match=re.escape(f"the file {word} does not exist{hint}")):
        read_unseen(word, DataConfig(source="table:x.csv"), **TEXTS)


@pytest.mark.parametrize(
    ("kind", "words", "says"),
    [
        ("digit_run", ["nowhere"], "there is no file or folder nowhere"),
        ("digit_run", ["table:{reviews}"], "holds texts, but the student reads images"),
        ("digit_run", ["{digits}"], "has 84 rows; give a file to write them to"),
        (
            "digit_run",
            ["{digits}", "--split", "tset"],
            "no pictures in a folder 'tset'; its folders: test",
        ),
        ("digit_run", ["{digits}", "--out", "p.xls"], "cannot tell how to write"),
        ("digit_run", ["{digits}", "--set", "train.lr=3"], "only settings of the data to read"),
        ("review_run", ["nowhere.csv"], "the file nowhere.csv does not exist"),
        ("review_run", ["data/new", "--out", "p.csv"], "the file data/new does not exist"),
        ("review_run", ["-"], "- is a stream or a device"),
        ("review_run", ["/dev/null"], "/dev/null is a stream or a device"),
        ("review_run", [" "], "the data to read is empty"),
        ("review_run", ["a fine film", "--split", "test"], "is a single row, which is in no split"),
        (
            "digit_run",
            ["{digits}/test/five/20.jpg", "--split", "five"],
            "is a single row, which is in no split",
        ),
        ("review_run", ["folder:{digits}"], "holds images, but the student reads texts"),
        ("review_run", ["{reviews}", "--split", "dev"], "has no split 'dev' for --split"),
        ("pair_run", ["a sentence"], "the student reads an image and a text of each row"),
        ("labels_run", ["{captions}", "--top", "2"], "gives all 2 labels anyway"),
        ("numbers_run", ["{captions}", "--probabilities"], "regression has none"),
    ],
)
def test_mistakes(kind, words, says, command, request):
    folder = request.getfixturevalue(kind)
    known = {name: request.getfixturevalue(name) for name in ("digits", "reviews", "captions")}
    code, _, err = command("predict", folder, *(word.format(**known) for word in words))
    assert code == 2
    assert says in " ".join(err.split())
