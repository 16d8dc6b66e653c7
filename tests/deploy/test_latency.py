"""Speed and size of students of every kind, next to teachers."""

import json
import shutil

import pytest
import torch
from PIL import Image
from small_models import FAMILIES, SMALL_VIT, save_vision

import tutelage.deploy.latency as deploy_latency
from tutelage import latency
from tutelage.config.data import DataConfig
from tutelage.deploy.contenders import exported_file, student_of
from tutelage.deploy.export import export
from tutelage.deploy.sample_rows import sample_rows
from tutelage.deploy.saved import SavedRun
from tutelage.deploy.timing import Rounds, in_turn
from tutelage.errors import SourceError
from tutelage.report import write_report
from tutelage.results.exports import read_export, write_export
from tutelage.results.latency import read_latency
from tutelage.students import limit_training, open_student

FAST = Rounds(most=3, turn=1e-3, warm_up=2)


def test_a_student_beside_its_teacher(digit_run):
    before = torch.get_num_threads()
    measured = latency(digit_run, batch_size=4, device="cpu", threads=1, rounds=FAST)
    assert torch.get_num_threads() == before
    assert read_latency(digit_run) == measured
    student, teacher = measured.models
    assert (student.role, teacher.role, teacher.name) == ("student", "teacher", "test_vit")
    weights = digit_run / "student" / "model.safetensors"
    assert student.bytes == weights.stat().st_size
    assert teacher.bytes == pytest.approx(4 * teacher.parameters, rel=0.01)
    assert min(student.flops, teacher.flops) > 0
    for model in measured.models:
        assert [timing.batch_size for timing in model.timings] == [1, 4]
        assert all(0 < t.milliseconds.low <= t.milliseconds.median for t in model.timings)
    assert {timing.ratio.median for timing in student.timings} == {1.0}
    assert measured.threads == 1
    assert measured.rows == "4 of the 24 test rows"
    page = write_report([digit_run]).read_text()
    assert "Size and speed" in page
    assert "4 of the 24 test rows" in page


def test_rows_are_invented_where_the_data_is_gone(digit_run, tmp_path):
    """As on the device that the student is for: a copy of the folder, and nothing else."""
    copy = tmp_path / "run"
    shutil.copytree(digit_run, copy)
    result = json.loads((copy / "result.json").read_text())
    result["config"]["data"]["source"] = f"folder:{tmp_path}/gone"
    result["config"]["teachers"] += [
        {"source": f"features:{tmp_path}/gone.npy", "params": {}},
        {"source": "timm:test_byobnet", "params": {"weights": f"{tmp_path}/no.safetensors"}},
    ]
    del result["digest"]
    (copy / "result.json").write_text(json.dumps(result))
    measured = latency(copy, batch_size=2, device="cpu", rounds=FAST)
    assert "a picture of noise, since the run's data cannot be read here" in measured.rows
    assert [model.name for model in measured.models] == ["student", "test_vit"]
    assert [sentence.partition(":")[0] for sentence in measured.left_out] == [
        "gone.npy",
        "test_byobnet",
    ]
    alone = latency(copy, teachers=False, batch_size=2, device="cpu", rounds=FAST)
    assert [model.name for model in alone.models] == ["student"]
    assert alone.left_out == ()


@pytest.fixture(scope="module")
def folders(tmp_path_factory, small_bert):
    """Small pre-trained models, by kind."""
    folder = tmp_path_factory.mktemp("begin")
    for kind in ("distilbert", "llama"):
        FAMILIES[kind].save(folder / kind)
    save_vision(folder / "vit", "vit", **SMALL_VIT)
    return {"bert": small_bert} | {kind: folder / kind for kind in ("distilbert", "llama", "vit")}


@pytest.mark.parametrize(
    ("source", "modality", "lora"),
    [
        ("timm:test_resnet", "image", False),
        ("timm:test_vit", "image", True),
        ("hf:{vit}", "image", False),
        ("hf:{bert}", "text", False),
        ("hf:{bert}", "text", True),
        ("hf:{distilbert}", "text", False),
        ("hf:{llama}", "text", False),
        ("timm:test_resnet+hf:{bert}", "image+text", False),
    ],
)
def test_every_kind_of_student(source, modality, lora, folders, tmp_path):
    source = source.format(**folders)
    params = {"weights": "random"} if source.startswith("timm:") else {}
    if "+" in source:
        params = {"image": params}
    student = open_student(source, output_names=("a", "b"), modality=modality, params=params)
    if lora:
        student = limit_training(student, lora={"rank": 2, "alpha": 4.0})
    student.save(tmp_path)
    student.model.eval()
    contender = student_of(student, name="student", files=tmp_path)
    rows = sample_rows(DataConfig(source="folder:gone"), student.input, modality=modality, most=3)
    assert contender.bytes >= 4 * contender.parameters
    assert contender.flops([rows.typical]) > 0
    batch = contender.batch(rows.batch(3))
    with torch.inference_mode():
        times = in_turn({"student": lambda: contender.forward(batch)}, rounds=FAST)
        assert len(contender.forward(batch)) == 3
    assert len(times["student"]) == 3


def test_a_student_of_ones_own(pair_run):
    measured = latency(pair_run, batch_size=3, device="cpu", rounds=FAST)
    assert [model.role for model in measured.models] == ["student"]
    assert "in a batch of 1 the one of median length" in measured.rows


def test_mistakes(command, digit_run, tmp_path):
    for words, message in (
        ((tmp_path,), "no result in"),
        ((digit_run, "--device", "tpu"), "there is no device 'tpu' here; this machine has cpu"),
    ):
        status, _, said = command("latency", *words)
        assert status == 2
        assert message in " ".join(said.split())


def test_the_command_prints_what_it_measured(command, digit_run, monkeypatch):
    monkeypatch.setattr("tutelage.deploy.latency.Rounds", lambda: FAST)
    status, said, _ = command("latency", digit_run, "--batch-size", 2, "--device", "cpu")
    assert status == 0
    assert "GFLOPs a row" in said
    assert "time / student" in said
    assert "Models take turns in each round" in said


def test_a_batch_that_is_halved_to_one_row_is_measured_once(digit_run, tmp_path, monkeypatch):
    copy = shutil.copytree(digit_run, tmp_path / "run")

    def tight(contenders, rows, *others):
        if len(rows) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return timed(contenders, rows, *others)

    timed = deploy_latency._timed
    monkeypatch.setattr(deploy_latency, "_timed", tight)
    measured = latency(copy, batch_size=4, device="cpu", rounds=FAST, teachers=False)
    assert [timing.batch_size for timing in measured.models[0].timings] == [1]
    assert "Size and speed" in write_report([copy]).read_text()


def test_exports_of_an_earlier_training_are_left_out(digit_run, tmp_path):
    copy = shutil.copytree(digit_run, tmp_path / "run")
    folder = export(copy, rows=3).folder
    record = read_export(folder)
    assert record.is_of(SavedRun.open(copy).result)
    write_export(folder, record.model_copy(update={"student": "0" * 32}))
    measured = latency(copy, batch_size=1, device="cpu", rounds=FAST, teachers=False)
    assert [one.role for one in measured.models] == ["student"]
    assert "exported from an earlier training" in measured.left_out[0]


def test_exported_files_are_run_on_what_they_take(digit_run, tmp_path):
    run = SavedRun.open(digit_run)
    rows = [Image.effect_noise((40, 40), 60).convert("RGB") for _ in range(3)]
    batch = run.student.input.collate([run.student.input.prepare(row) for row in rows])
    with torch.inference_mode():
        expected = run.student.outputs(batch)
    for form in ("pixels", "normalized"):
        file = export(digit_run, out=tmp_path / form, form=form, rows=3).file
        opened = exported_file(file, run.student.input, name=form, threads=1)
        (found,) = opened.forward(opened.batched(rows))
        torch.testing.assert_close(torch.from_numpy(found), expected, rtol=0, atol=1e-4)
    file = export(digit_run, out=tmp_path / "picture", form="picture", rows=1).file
    with pytest.raises(SourceError, match="takes one picture of any size"):
        exported_file(file, run.student.input, name="picture", threads=1)
