"""``tutelage check``: what it prints, the file that it writes, and its status."""

import csv
import shutil

import pytest


@pytest.fixture
def broken(digits, tmp_path):
    """Digits with three damaged pictures, a leak, and a class that a spreadsheet would compute."""
    folder = tmp_path / "digits"
    shutil.copytree(digits, folder)
    for name in ("five/01", "three/07", "eight/11"):
        (folder / f"train/{name}.jpg").write_bytes(b"")
    shutil.copy(folder / "train/five/03.jpg", folder / "test/five/copy.jpg")
    for split in ("train", "test"):
        (folder / split / "eight").rename(folder / split / "=8+1")
    return folder


def test_every_damaged_picture_is_listed_at_once(command, broken):
    status, said, _ = command("check", f"folder:{broken}", "--out", "findings.csv")
    assert status == 1
    assert "60 train, 25 test rows" in said
    for name in ("five/01", "three/07", "=8+1/11"):
        assert f"{name}.jpg is empty" in said
    assert "leak: test test/five/copy.jpg (five), equal to train train/five/03.jpg (five)" in said
    with open("findings.csv", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["kind"] for row in rows] == ["damaged"] * 3 + ["leak"]
    assert {row["label"] for row in rows} == {"five", "three", "'=8+1"}


def test_classes_of_a_table_that_differ_in_case_are_named(command, tmp_path):
    rows = [
        f"text number {i} {'abcdefgh'[i % 8] * 9},{('Cat', 'cat', 'dog')[i % 3]}" for i in range(60)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *rows]))
    _, said, _ = command("check", "table:t.csv")
    assert "the classes 'Cat' and 'cat' differ only in upper and lower case" in said


def test_rows_without_a_label_are_counted_and_named(command, tmp_path):
    def rows(labels: str) -> str:
        lines = [f"{chr(ord('a') + i) * 30},{label.strip()}" for i, label in labels]
        return "\n".join(["text,label", *lines])

    (tmp_path / "train.csv").write_text(rows(enumerate("ab ab ab ")))
    (tmp_path / "test.csv").write_text(rows(zip(range(10, 15), "abab ", strict=True)))
    status, said, _ = command("check", f"table:{tmp_path}")
    assert status == 0
    assert "9 train (3 without a label), 5 test (1 without a label) rows" in said
    assert (
        "3 of 9 train rows have no label (the first: '2'): methods with teachers learn from them all the same"
        in said
    )
    assert "1 of 5 test rows have no label (the first: '4'): they are not evaluated" in said


def test_a_teacher_that_is_opened_is_announced(command, reviews, small_bert):
    _, said, told = command("check", f"table:{reviews}", "--teacher", f"hf:{small_bert}")
    assert f"(hf:{small_bert}) to look for its cached features" in told
    assert "labels were not checked: no teacher's features" in said


def test_sound_data_pass(command, digits):
    status, said, _ = command("check", f"folder:{digits}")
    assert status == 0
    assert "nothing was found" in said


def test_a_config_and_a_recipe_can_be_checked(command, digits, tmp_path):
    (tmp_path / "mine.toml").write_text(f'[data]\nsource = "folder:{digits}"\n')
    assert command("check", "mine.toml")[0] == 0
    status, _, error = command("check", "recipe:mnl")
    assert status == 2
    assert "did you mean 'mnli'" in error


def test_a_folder_without_its_kind_and_a_place_that_is_not_there(command, digits, tmp_path):
    status, _, error = command("check", digits)
    assert status == 2
    assert f"write folder:{digits} for images" in error
    status, _, error = command("check", f"folder:{digits}", "--out", "no/where.csv")
    assert status == 2
    assert "there is no folder no for where.csv" in error


def test_many_classes_and_findings_are_cut_in_the_terminal_only(command, tmp_path):
    rows = [f"text number {i} {'abcdefgh'[i % 8] * 9},c{i % 40}" for i in range(120)]
    rows += [f",c{i}" for i in range(8)]
    (tmp_path / "rows.csv").write_text("\n".join(["text,label", *rows]) + "\n")
    status, said, _ = command("check", "table:rows.csv", "--out", "all.csv")
    assert status == 1
    assert "these are the 30 smallest of 40 classes" in said
    assert "blank: 3 more" in said
    lines = (tmp_path / "all.csv").read_text().splitlines()
    assert sum(line.startswith("blank") for line in lines) == 8
