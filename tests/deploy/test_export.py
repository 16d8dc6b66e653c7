"""Exports of finished runs: their outputs are the student's, and what is refused leaves nothing."""

import json
import shutil
import sys
import types
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

import tutelage
from tutelage.deploy.compared_rows import rows_of_run
from tutelage.deploy.export import export
from tutelage.deploy.graph import StudentGraph
from tutelage.deploy.onnx_files import write_onnx
from tutelage.deploy.program_files import write_program
from tutelage.deploy.saved import SavedRun
from tutelage.errors import ConfigError, DataError, StudentError
from tutelage.files import without_digest
from tutelage.progress import Silent
from tutelage.results.exports import ExportRecord, write_export
from tutelage.students import open_student


def answers(file, batch) -> torch.Tensor:
    session = onnxruntime.InferenceSession(str(file))
    feeds = {name: value.numpy() for name, value in batch.items()}
    assert {one.name for one in session.get_inputs()} == set(feeds)
    return torch.from_numpy(session.run(["logits"], feeds)[0])


def of_the_student(run, rows):
    """A batch of rows, and the student's outputs."""
    student = SavedRun.open(run).student
    batch = dict(student.input.collate([student.input.prepare(row) for row in rows]))
    with torch.inference_mode():
        return batch, student.outputs(batch)


@pytest.fixture(scope="module")
def pictures() -> list[Image.Image]:
    draw = np.random.default_rng(3)
    return [Image.fromarray(draw.integers(0, 256, (40, 57, 3), np.uint8)) for _ in range(17)]


def test_pictures_of_any_number(digit_run, pictures, tmp_path):
    done = export(digit_run, out=tmp_path / "onnx", rows=20)
    assert (done.file, done.rows) == (tmp_path / "onnx" / "model.onnx", 20)
    assert done.difference <= 1e-4
    for count in (1, 3, 17):
        batch, expected = of_the_student(digit_run, pictures[:count])
        torch.testing.assert_close(answers(done.file, batch), expected, rtol=0, atol=1e-4)
    about = json.loads((done.folder / "preprocess.json").read_text())
    assert about["names"] == ["eight", "five", "three"]
    inside = {one.key: json.loads(one.value) for one in onnx.load(done.file).metadata_props}
    assert inside == about
    assert about["image"]["resize_and_crop"]["crop"] == [32, 32]


@pytest.mark.parametrize("length", [1, 6, 30])
def test_texts_of_any_length(review_run, tmp_path_factory, length):
    folder = tmp_path_factory.getbasetemp() / "reviews-onnx"
    file = folder / "model.onnx"
    if not file.is_file():
        export(review_run, out=folder, rows=20, temperature=2.0)
    for count in (1, 3, 17):
        rows = [
            (" ".join(["fine", "film", "dull"] * 20)[: 5 * (length + n)],) for n in range(count)
        ]
        batch, expected = of_the_student(review_run, rows)
        torch.testing.assert_close(answers(file, batch), expected / 2, rtol=0, atol=1e-4)
    about = json.loads((folder / "preprocess.json").read_text())
    assert (about["temperature"], about["text"]["max_length"]) == (2.0, 40)
    assert about["text"]["template"] == "Snippet: {text}\nIt is"
    assert (folder / "tokenizer.json").is_file()


@pytest.mark.parametrize("name", ["pair_run", "labels_run", "numbers_run"])
def test_other_tasks_and_pairs(name, request, tmp_path):
    run = request.getfixturevalue(name)
    done = export(run, out=tmp_path / "out", rows=13)
    assert done.difference <= done.tolerance
    about = json.loads((done.folder / "preprocess.json").read_text())
    assert about["activation"] == {"p": "softmax", "l": "sigmoid", "n": "none"}[name[0]]
    assert ("image" in about, "text" in about) == (name == "pair_run", True)
    if name == "numbers_run":
        with pytest.raises(ConfigError, match="this student predicts numbers"):
            export(run, out=tmp_path / "other", temperature=2.0)
        with pytest.raises(ConfigError, match="--input picture is for images"):
            export(run, out=tmp_path / "other", form="picture")


def test_a_picture_of_any_size(digit_run, tmp_path):
    done = export(digit_run, out=tmp_path / "out", form="picture", rows=5)
    for height, width in ((33, 90), (120, 64)):
        noise = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        _, expected = of_the_student(digit_run, [Image.fromarray(noise)])
        found = answers(done.file, {"image": torch.from_numpy(noise)})
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-2)


def test_smaller_files_are_measured(digit_run, tmp_path):
    done = export(digit_run, out=tmp_path / "out", form="normalized", half=True, int8=True, rows=30)
    half, int8 = done.smaller
    assert (half.file.name, int8.file.name) == ("model-half.onnx", "model-int8.onnx")
    assert half.bytes < 0.7 * done.bytes
    for one in done.smaller:
        assert one.file.is_file()
        assert 0 < one.difference < 1
        assert one.before == pytest.approx(one.after, abs=0.2)
        assert one.agreement > 0.8
    record = ExportRecord.model_validate(without_digest((tmp_path / "out/export.json").read_text()))
    assert [one.name for one in record.files] == ["model.onnx", half.file.name, int8.file.name]
    assert (record.files[0].difference, record.files[2].after) == (done.difference, int8.after)
    templates = "additional_chat_templates"  # a folder, as tokenizers with several of them write
    (tmp_path / "out" / templates).mkdir()
    (tmp_path / "out" / templates / "tool_use.jinja").touch()
    write_export(tmp_path / "out", record.model_copy(update={"written": (templates,)}))
    notes: list[str] = []

    class Notes(Silent):
        def note(self, message):
            notes.append(message)

    again = export(digit_run, out=tmp_path / "out", rows=5, progress=Notes())
    removed = f"removed {templates}, model-half.onnx, model-int8.onnx of the earlier export"
    assert notes[-1].startswith(removed)
    assert {one.name for one in again.folder.iterdir()} == {
        *("model.onnx", "preprocess.json", "export.json"),
    }
    (tmp_path / "out" / "app.py").write_text("precious")
    with pytest.raises(ConfigError, match=r"holds other files than those of an export.*app\.py"):
        export(digit_run, out=tmp_path / "out", rows=5)
    assert (tmp_path / "out" / "app.py").is_file()


def test_a_smaller_file_that_cannot_be_written(labels_run, tmp_path):
    """Its bags of embeddings are a loop in ONNX, which the conversion to float16 does not reach."""
    with pytest.raises(StudentError, match=r"model-half\.onnx cannot be written.*leave --half out"):
        export(labels_run, out=tmp_path / "out", half=True, rows=4)
    assert not (tmp_path / "out").exists()


def test_labels_of_smaller_files_are_numbered_as_in_the_run(digit_run, digits, tmp_path):
    run = SavedRun.open(digit_run)
    _, before = rows_of_run(run, measured=True)
    shutil.copytree(digits, tmp_path / "digits")
    shutil.copytree(tmp_path / "digits/train/five", tmp_path / "digits/train/a new class")
    changed = replace(run, config=run.config.replace({"data.source": f"folder:{tmp_path}/digits"}))
    _, renumbered = rows_of_run(changed, measured=True)
    assert renumbered.ids == before.ids
    assert torch.equal(renumbered.labels, before.labels)
    shutil.copytree(tmp_path / "digits/test/five", tmp_path / "digits/test/a new class")
    with pytest.raises(DataError, match=r"'a new class'; .* or leave out --half and --int8"):
        rows_of_run(changed, measured=True)
    assert len(rows_of_run(changed, measured=False)[1]) == 32


def test_programs_of_torch_export(digit_run, labels_run, pictures, tmp_path):
    done = export(digit_run, out=tmp_path / "out", to="torch-export", rows=5)
    program = torch.export.load(done.file).module()
    for count in (1, 3, 17):
        batch, expected = of_the_student(digit_run, pictures[:count])
        torch.testing.assert_close(program(batch["image"]), expected, rtol=0, atol=1e-4)
    with pytest.raises(StudentError, match=r"refuses input_ids \[1, .*export --to onnx"):
        export(labels_run, out=tmp_path / "bags", to="torch-export", rows=5)  # of nn.EmbeddingBag
    assert not (tmp_path / "bags").exists()


def test_refusals_leave_nothing(digit_run, tmp_path, monkeypatch):
    with pytest.raises(StudentError, match=r"differ by .* above .*; nothing is written"):
        export(digit_run, out=tmp_path / "out", rows=5, tolerance=0.0)
    assert not (tmp_path / "out").exists()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("precious")
    for options, says in (
        ({"out": tmp_path / "full"}, "holds other files than .*thesis.txt; choose a new"),
        ({"to": "caffe"}, "--to caffe is not known; choose one of onnx, torch-export, executorch"),
        ({"to": "executorch", "form": "picture"}, "one size of pictures; choose --input pixels"),
        ({"to": "executorch", "half": True}, "are for --to onnx"),
        ({"to": "torch-export", "int8": True}, "are for --to onnx"),
        ({"form": "jpeg"}, "--input jpeg is not known"),
        ({"temperature": 0.0}, "must be a number above 0"),
        ({"tolerance": float("inf")}, "tolerance must be a number from 0 up, not inf"),
        ({"rows": 0}, "on at least 1 row"),
    ):
        with pytest.raises(ConfigError, match=says):
            tutelage.export(digit_run, **{"out": tmp_path / "out"} | options)
    assert (tmp_path / "full" / "thesis.txt").read_text() == "precious"


def test_onnx_is_refused_under_an_old_pytorch(digit_run, tmp_path, monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.9.1+cpu")
    with pytest.raises(ConfigError, match=r"needs PyTorch 2.10 or newer, and this is 2.9.1\+cpu"):
        export(digit_run, out=tmp_path / "out", rows=5)
    assert not (tmp_path / "out").exists()


class Branching(torch.nn.Module):
    """A model that decides by its numbers what it computes, which no graph can hold."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.head = torch.nn.Linear(3, num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean(dim=(2, 3))
        return self.head(means if means.sum() > 0 else -means)


class Eigen(Branching):
    """A model with an operator that ONNX does not have."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        means = images.mean(dim=(2, 3))
        return self.head(means) * torch.linalg.eigvals(means.T @ means).real.sum()


@pytest.mark.parametrize(
    ("factory", "write", "says"),
    [
        (
            Branching,
            write_onnx,
            r"to onnx: .* values of its input at .*py:\d+ \(return .* torch.where",
        ),
        (Branching, write_program, r"to torch-export: .* at .*test_export.py:\d+ .* torch.where"),
        (Eigen, write_onnx, r"to onnx: .* no counterpart of aten.linalg_eig; .* --to torch-export"),
    ],
)
def test_a_model_that_cannot_be_exported(monkeypatch, tmp_path, factory, write, says):
    graph = StudentGraph(image_student(monkeypatch, factory), form="pixels")
    with pytest.raises(StudentError, match=f"{factory.__name__} cannot be exported {says}") as told:
        write(graph, tmp_path / "model", example=graph.example_batch(), about={})
    assert "\n" not in str(told.value)
    assert ("--to" in str(told.value)) == (factory is Eigen)  # no format holds a branch


def image_student(monkeypatch, factory):
    module = types.ModuleType("factories")
    module.make = factory
    monkeypatch.setitem(sys.modules, "factories", module)
    return open_student(
        "python:factories:make",
        output_names=("a", "b"),
        modality="image",
        model_input={"image_size": 8},
    )
