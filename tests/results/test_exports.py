"""Records of exports: read back from the run's folder, without files that are gone."""

import pytest

from tutelage.errors import DataError
from tutelage.results.exports import (
    ExportedFile,
    ExportRecord,
    read_exports,
    remove_exports,
    write_export,
)

FILES = (
    ExportedFile(name="model.onnx", bytes=10, difference=1e-6),
    ExportedFile(
        name="model-int8.onnx", bytes=3, difference=0.1, agreement=0.9, before=0.8, after=0.7
    ),
)
RECORD = ExportRecord(format="onnx", takes="pixels", rows=20, tolerance=1e-4, files=FILES)


def written(run, name="onnx"):
    folder = run / "exported" / name
    folder.mkdir(parents=True)
    for one in FILES:
        (folder / one.name).touch()
    return write_export(folder, RECORD)


def test_records_are_read_back(tmp_path):
    assert read_exports(tmp_path) == {}
    for name in ("onnx", "mine"):
        written(tmp_path, name)
    assert read_exports(tmp_path) == {"exported/mine": RECORD, "exported/onnx": RECORD}


def test_files_that_are_gone_are_left_out(tmp_path):
    folder = written(tmp_path).parent
    (folder / "model-int8.onnx").unlink()
    assert read_exports(tmp_path)["exported/onnx"].files == FILES[:1]
    (folder / "model.onnx").unlink()
    assert read_exports(tmp_path) == {}


def test_a_damaged_record_is_named(tmp_path):
    path = written(tmp_path)
    path.write_text(path.read_text().replace("1e-06", "1e-09"))
    with pytest.raises(
        DataError, match=r"export.json is not .*; remove it, or run 'tutelage export'"
    ):
        read_exports(tmp_path)


def test_exports_are_removed_and_other_files_stay(tmp_path):
    folder = written(tmp_path).parent
    (folder / "preprocess.json").touch()
    remove_exports(tmp_path)
    assert list(tmp_path.iterdir()) == []
    other = written(tmp_path).with_name("mine.txt")
    other.touch()
    (tmp_path / "exported" / "notes.md").touch()
    remove_exports(tmp_path)
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {
        other,
        tmp_path / "exported" / "notes.md",
    }


def test_exports_of_unknown_files_are_not_left_in_silence(tmp_path):
    path = written(tmp_path)
    path.write_text("{}")
    with pytest.raises(DataError, match=r"(?s)export.json is not .*; remove it"):
        remove_exports(tmp_path)
