"""Faults that are planted in data are found, all of them and nothing else."""

import json
import shutil
from collections import Counter
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data.check import KINDS, find_faults, rows_to_check, scan_rows


def picture(seed: int, side: int = 64) -> Image.Image:
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


def found(config: DataConfig) -> list[tuple[str, str, str]]:
    rows = rows_to_check(config)
    findings = find_faults(rows, scan_rows(rows.inputs))
    order = [list(KINDS).index(finding.kind) for finding in findings]
    assert order == sorted(order)
    return [
        (f.kind, f"{f.split} {f.id}", f"{f.other_split} {f.other_id}".strip()) for f in findings
    ]


@pytest.fixture
def folder(tmp_path) -> Path:
    """Twelve pictures of two classes in each of three splits."""
    for seed, split in enumerate(("train", "validation", "test")):
        for number in range(12):
            place = tmp_path / split / "ab"[number % 2]
            place.mkdir(parents=True, exist_ok=True)
            picture(100 * seed + number).save(place / f"{number:02d}.png")
    return tmp_path


def test_sound_data_have_no_findings(folder):
    assert found(DataConfig(source=f"folder:{folder}")) == []


def test_planted_faults_are_all_found(folder):
    (folder / "train/a/00.png").write_bytes(b"not a picture")
    (folder / "test/b/01.png").write_bytes((folder / "test/b/01.png").read_bytes()[:99])
    shutil.copy(folder / "train/a/02.png", folder / "test/a/copy.png")
    shutil.copy(folder / "validation/a/02.png", folder / "test/a/valid.png")
    buffer = BytesIO()
    picture(4).resize((40, 40)).save(buffer, "JPEG", quality=90)
    (folder / "validation/b/smaller.jpg").write_bytes(buffer.getvalue())
    shutil.copy(folder / "train/a/06.png", folder / "train/a/again.png")
    shutil.copy(folder / "train/a/08.png", folder / "train/b/other.png")
    picture(5).resize((200, 200)).save(folder / "train/b/larger.png")
    picture(900).resize((15, 40)).save(folder / "train/b/tiny.png")
    Image.new("RGB", (30, 30), "#102030").save(folder / "train/b/flat.png")
    assert found(DataConfig(source=f"folder:{folder}")) == [
        ("damaged", "train train/a/00.png", ""),
        ("damaged", "test test/b/01.png", ""),
        ("leak", "validation validation/b/smaller.jpg", "train train/a/04.png"),
        ("leak", "test test/a/copy.png", "train train/a/02.png"),
        ("leak", "test test/a/valid.png", "validation validation/a/02.png"),
        ("contradiction", "train train/b/other.png", "train train/a/08.png"),
        ("contradiction", "validation validation/b/smaller.jpg", "train train/a/04.png"),
        ("duplicate", "train train/a/again.png", "train train/a/06.png"),
        ("near-duplicate", "train train/b/larger.png", "train train/b/05.png"),
        ("tiny", "train train/b/tiny.png", ""),
        ("one-coloured", "train train/b/flat.png", ""),
    ]


def test_test_rows_that_a_run_would_draw_are_a_split_of_their_own(tmp_path):
    """Copies within one folder become a leak when a fifth of its rows is drawn for the test."""
    for number in range(40):
        place = tmp_path / "ab"[number % 2]
        place.mkdir(exist_ok=True)
        picture(number // 4).save(place / f"{number:02d}.png")
    kinds = Counter(kind for kind, *_ in found(DataConfig(source=f"folder:{tmp_path}")))
    assert kinds["leak"] == 8


def test_a_class_with_one_row_and_rows_without_a_draw(tmp_path):
    for name, label in (("a.png", "a"), ("b.png", "a"), ("c.png", "b")):
        (tmp_path / label).mkdir(exist_ok=True)
        picture(ord(name[0])).save(tmp_path / label / name)
    config = DataConfig(source=f"folder:{tmp_path}")
    assert found(config) == [("rare class", "train b/c.png", "")]
    assert "class 'b' has a single row, so no test rows can be drawn" in rows_to_check(config).note


def rows_of(tmp_path: Path, **splits: list[tuple[str, str]]) -> DataConfig:
    for split, rows in splits.items():
        lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows]
        (tmp_path / f"{split}.jsonl").write_text("".join(lines))
    return DataConfig(source=f"table:{tmp_path}")


def sentence(seed: int) -> str:
    letters = np.random.default_rng(seed).integers(97, 123, (20, 6), dtype=np.uint8)
    return " ".join(bytes(word).decode() for word in letters)


def test_faults_of_texts(tmp_path):
    train = [(sentence(number), "ab"[number % 2]) for number in range(10)]
    train += [("  ", "a"), (sentence(3).upper(), "b"), (sentence(4), "b"), ("x" * 2500, "a")]
    test = [(sentence(5) + " indeed", "b"), (sentence(50), "a"), ("", "b")]
    assert found(rows_of(tmp_path, train=train, test=test)) == [
        ("blank", "train 10", ""),
        ("blank", "test 2", ""),
        ("leak", "test 0", "train 5"),
        ("contradiction", "train 12", "train 4"),
        ("near-duplicate", "train 11", "train 3"),
        ("long", "train 13", ""),
    ]


def test_texts_that_share_a_premise_are_no_copies(tmp_path):
    claims = ("It rains.", "Nobody sleeps at night.", "All is well.", "He speaks to them.")
    rows = [
        {"premise": sentence(0), "hypothesis": claim, "label": "ab"[number % 2]}
        for number, claim in enumerate(claims)
    ]
    for split in ("train", "test"):
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        rows = [{**row, "hypothesis": sentence(i + 9)} for i, row in enumerate(rows)]
    assert found(DataConfig(source=f"table:{tmp_path}")) == []
    assert found(DataConfig(source=f"table:{tmp_path}", template="{premise} So {hypothesis}")) == []


def test_pictures_with_texts_are_copies_if_both_are(tmp_path):
    for number in range(6):
        picture(number).save(tmp_path / f"{number}.png")
    rows = {
        "train": [(i, sentence(i), "aabb"[i]) for i in (0, 1, 2, 3)],
        "test": [
            (0, sentence(0), "a"),
            (1, sentence(7), "b"),
            (4, sentence(2), "a"),
            (9, "x", "b"),
        ],
    }
    for split, lines in rows.items():
        head = "image,text,label\n"
        (tmp_path / f"{split}.csv").write_text(
            head + "".join(f"{i}.png,{t},{y}\n" for i, t, y in lines)
        )
    config = DataConfig(source=f"table:{tmp_path}", image="image", text="text")
    assert found(config) == [
        ("damaged", "test 3", ""),
        ("leak", "test 0", "train 0"),
        ("shared picture", "test 1", "train 1"),
    ]


def test_labels_of_other_tasks(tmp_path):
    (tmp_path / "a.csv").write_text(
        "text,y\n" + "".join(f"{sentence(i % 9)},{i % 9 + i // 17 * 9}\n" for i in range(18))
    )
    config = DataConfig(
        source=f"table:{tmp_path / 'a.csv'}", label="y", task="regression", test_share=0.1
    )
    rows = rows_to_check(config)
    findings = find_faults(rows, scan_rows(rows.inputs))
    assert {f.kind for f in findings} == {"leak", "duplicate", "contradiction"}
    assert all(
        abs(float(f.label) - float(f.other_label)) > 5
        for f in findings
        if f.kind == "contradiction"
    )
    (tmp_path / "b.csv").write_text(
        "text,cat,dog\n"
        + "".join(f"{sentence(i)},{i % 2},1\n" for i in range(8))
        + f"{sentence(1)},1,0\n"
    )
    config = DataConfig(
        source=f"table:{tmp_path / 'b.csv'}",
        label=("cat", "dog"),
        task="multi-label",
        test_share=0.2,
    )
    rows = rows_to_check(config)
    counts = dict(rows.counts())
    assert sum(counts["dog"].values()) == 8
    (copy,) = [f for f in find_faults(rows, scan_rows(rows.inputs)) if f.kind == "contradiction"]
    assert {copy.label, copy.other_label} == {"cat, dog", "cat"}


def test_unlabelled_rows_may_not_be_test_rows(folder, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    picture(700).save(more / "new.png")
    shutil.copy(folder / "test/a/02.png", more / "seen.png")
    shutil.copy(folder / "train/a/02.png", more / "known.png")
    config = DataConfig(source=f"folder:{folder}", unlabelled=f"folder:{more}")
    assert found(config) == [
        ("leak", "test test/a/02.png", "unlabelled seen.png"),
        ("duplicate", "unlabelled known.png", "train train/a/02.png"),
    ]
