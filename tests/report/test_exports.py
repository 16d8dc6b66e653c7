"""The exported files of a run in its report."""

import json

from tutelage.files import with_digest
from tutelage.report import write_report
from tutelage.report.exports import export_columns, export_notes, exported_files
from tutelage.results.exports import ExportedFile, ExportRecord, student_digest, write_export
from tutelage.results.folders import read_comparison
from tutelage.results.result import read_result
from tutelage.tasks import SingleLabel

PLAIN = ExportedFile(name="model.onnx", bytes=2_000_000, difference=3.2e-6)
SMALL = ExportedFile(
    name="model-int8.onnx", bytes=600_000, difference=0.21, agreement=0.975, before=0.8, after=0.79
)


def record(*files, rows=200):
    return ExportRecord(format="onnx", takes="pixels", rows=rows, tolerance=1e-4, files=files)


def cells(*files):
    columns = export_columns({"exported/onnx": record(*files)}, lead=SingleLabel.metric())
    return {column.head: [cell.replace("\xa0", " ") for cell in column.cells] for column in columns}


def test_a_row_a_file():
    assert cells(PLAIN, SMALL) == {
        "file": ["exported/onnx/model.onnx", "exported/onnx/model-int8.onnx"],
        "size": ["2 MB", "600 kB"],
        "largest difference": ["3.2e-06", "2.1e-01"],
        "same class": ["", "97.5 %"],
        "accuracy before": ["", "80"],
        "after": ["", "79"],
    }
    assert list(cells(PLAIN)) == ["file", "size", "largest difference"]


def test_the_rows_of_each_export_are_named():
    two = {"exported/a": record(PLAIN), "exported/b": record(PLAIN, rows=1500)}
    assert "on 200 and 1,500 evaluated rows" in export_notes(two)[0]


def test_the_page_names_files_that_are_there(tmp_path, write_run):
    run = write_run(tmp_path / "run")
    assert "Exported files" not in write_report([run]).read_text()
    folder = run / "exported" / "onnx"
    folder.mkdir(parents=True)
    (folder / "model.onnx").touch()
    write_export(folder, record(PLAIN, SMALL))
    page = write_report([run]).read_text()
    assert "Exported files" in page
    assert "exported/onnx/model.onnx" in page
    assert "3.2e-06" in page
    assert "model-int8.onnx" not in page


def test_exports_of_an_earlier_training_are_named_not_listed(tmp_path, write_run):
    run = write_run(tmp_path / "run")
    result = read_result(run)
    files = {"student/model.safetensors": "1", "student/README.md": "2"}
    write_result(run, result.model_copy(update={"files": files}))
    folder = run / "exported" / "onnx"
    folder.mkdir(parents=True)
    (folder / "model.onnx").touch()
    now = student_digest(read_result(run))
    write_export(folder, record(PLAIN).model_copy(update={"student": now}))
    write_result(run, result.model_copy(update={"files": files | {"student/README.md": "3"}}))
    assert exported_files(read_comparison([run])) is not None  # the card is not the student
    write_result(run, result.model_copy(update={"files": {"student/model.safetensors": "4"}}))
    page = write_report([run]).read_text()
    assert "Exported files" not in page
    assert "run/exported/onnx was exported from an earlier training" in page


def write_result(run, result):
    (run / "result.json").write_text(with_digest(json.loads(result.model_dump_json())))
