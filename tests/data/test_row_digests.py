"""Digests of rows change with their ids, labels and content, and with nothing else."""

import json
import shutil
from base64 import b64encode
from io import BytesIO

import pandas
import pytest
from PIL import Image

from tutelage.config import DataConfig
from tutelage.data import open_data
from tutelage.data.row_digests import row_digests, source_digests

ROWS = [{"id": str(n), "text": f"text {n}", "label": "xy"[n % 2]} for n in range(8)]


def write(folder, train, test):
    for name, rows in {"train": train, "test": test}.items():
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"{name}.jsonl").write_text(lines, encoding="utf-8")


def digests(folder, **settings):
    data, splits = open_data(DataConfig(source=f"table:{folder}", **settings))
    return row_digests(data, splits, unlabelled=bool(splits.unlabelled))


@pytest.mark.parametrize("change", [{"id": "other"}, {"text": "text 7"}, {"label": "y"}])
def test_a_changed_row_changes_the_digest_of_its_split(tmp_path, change):
    write(tmp_path, ROWS, ROWS[:4])
    before = digests(tmp_path)
    assert set(before) == {"train", "test"}
    write(tmp_path, ROWS, [ROWS[0] | change, *ROWS[1:4]])
    after = digests(tmp_path)
    assert after["train"] == before["train"]
    assert after["test"] != before["test"]


def test_texts_are_told_apart_by_where_they_end(tmp_path):
    write(tmp_path, [{**ROWS[0], "text": "ab"}, {**ROWS[1], "text": "c"}, *ROWS[2:]], ROWS)
    before = digests(tmp_path)
    write(tmp_path, [{**ROWS[0], "text": "a"}, {**ROWS[1], "text": "bc"}, *ROWS[2:]], ROWS)
    assert digests(tmp_path)["train"] != before["train"]


def test_a_file_of_another_size_is_another_picture(tmp_path, digits):
    shutil.copytree(digits, tmp_path / "copy")
    source = f"folder:{tmp_path / 'copy'}"
    before = row_digests(*open_data(DataConfig(source=source)), unlabelled=False)
    with (tmp_path / "copy" / "train" / "five" / "00.jpg").open("ab") as file:
        file.write(b"\0")
    after = row_digests(*open_data(DataConfig(source=source)), unlabelled=False)
    assert before["test"] == after["test"]
    assert before["train"] != after["train"]


@pytest.mark.parametrize("kind", ["bytes", "fields", "base64"])
def test_another_size_in_a_column_is_another_picture(tmp_path, kind):
    def write_table(last):
        contents = []
        for number in range(8):
            file = BytesIO()
            side = last if number == 7 else 4
            Image.new("RGB", (side, side), (number, 0, 0)).save(file, "BMP")
            contents.append(file.getvalue())
        values = {
            "bytes": contents,
            "fields": [{"bytes": one, "path": None} for one in contents],
            "base64": [b64encode(one).decode() for one in contents],
        }[kind]
        frame = pandas.DataFrame({"image": values, "label": list("xy") * 4})
        frame.to_parquet(tmp_path / "train.parquet")
        settings = {"image": "image", "test_share": 0.25, "limit": 5}
        data, splits = open_data(DataConfig(source=f"table:{tmp_path}", **settings))
        return row_digests(data, splits, unlabelled=False), source_digests(data, splits)

    (used, all_rows), (again, same), (_, changed) = map(write_table, (4, 4, 5))
    assert (used, all_rows) == (again, same)
    assert all_rows != changed


def test_digests_of_a_source_are_of_its_splits_whatever_is_drawn(tmp_path):
    write(tmp_path, [*ROWS, {"id": "8", "text": "more", "label": None}], ROWS[:4])
    found = [
        source_digests(*open_data(DataConfig(source=f"table:{tmp_path}", **settings)))
        for settings in ({}, {"limit": 4}, {"evaluate": "holdout", "holdout": 0.5})
    ]
    assert set(found[0]) == {"train", "test", "unlabelled"}
    assert found[0] == found[1]
    assert found[2] == {name: found[0][name] for name in ("train", "unlabelled")}
    assert digests(tmp_path, limit=4)["train"] != digests(tmp_path)["train"]
