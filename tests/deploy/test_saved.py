"""A finished run opened again: what it holds, what it reads, and folders that are none."""

import json
import shutil
import subprocess
import sys

import pytest
import torch

from tutelage.deploy.saved import SavedRun
from tutelage.errors import DataError, StudentError
from tutelage.files import file_digest, with_digest, without_digest
from tutelage.results.result import read_result


@pytest.fixture
def copied(digit_run, tmp_path):
    return shutil.copytree(digit_run, tmp_path / "run")


def test_a_run_is_opened_with_its_task(digit_run):
    saved = SavedRun.open(digit_run)
    assert saved.result == read_result(digit_run)
    assert saved.config.student.source == "timm:test_resnet"
    assert saved.modality == "image"
    assert saved.task.names == ("eight", "five", "three")
    assert saved.task.lead.name == "accuracy"
    assert not saved.student.model.training
    assert {p.device.type for p in saved.student.model.parameters()} == {"cpu"}


def test_no_teacher_is_imported_and_no_data_read(copied, digits):
    """In a process of its own, where the cache and the data are not to be opened."""
    program = f"""
import builtins, io, os, sys, torch
opened = []
sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
from pathlib import Path
from tutelage.deploy.saved import SavedRun
saved = SavedRun.open(Path({str(copied)!r}))
print(sorted(m for m in sys.modules if m.startswith(("tutelage.teachers", "tutelage.extraction"))))
print([path for path in opened if path.startswith(({str(digits)!r}, {str(copied.parent / "cache")!r}))])
torch.set_printoptions(precision=9)
print(saved.student.outputs({{"image": torch.full((1, 3, 32, 32), 99, dtype=torch.uint8)}}).tolist())
paths = sorted(Path({str(copied.parent / "moved")!r}).glob("test/*/*.jpg"))
student = __import__("tutelage").load({str(copied)!r})
answers = [one.answer for one in student.predict(paths)]
print(sum(path.parent.name == answer for path, answer in zip(paths, answers)) / len(paths))
print(any(m.startswith(("tutelage.teachers", "tutelage.extraction")) for m in sys.modules))
"""
    shutil.copytree(digits, copied.parent / "moved")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    teachers, data, outputs, accuracy, later = done.stdout.splitlines()
    assert (teachers, data, later) == ("[]", "[]", "False")
    assert float(accuracy) == pytest.approx(read_result(copied).metrics["test"]["accuracy"])
    here = SavedRun.open(copied).student
    with torch.no_grad():
        expected = here.outputs({"image": torch.full((1, 3, 32, 32), 99, dtype=torch.uint8)})
    assert json.loads(outputs) == expected.tolist()


def test_folders_that_are_no_finished_run(copied):
    for folder, says in (
        (copied / "nowhere", "there is no folder"),
        (copied / "student", r"is not the folder of a run; do you mean .*run\?"),
        (copied.parent, "no result in"),
    ):
        if folder == copied / "nowhere":
            (copied / "result.json").rename(copied / "kept.json")
        with pytest.raises(DataError, match=says):
            SavedRun.open(folder)
        if folder == copied / "nowhere":
            with pytest.raises(
                DataError, match=r"is not finished.*continue it with 'tutelage train"
            ):
                SavedRun.open(copied)
            (copied / "kept.json").rename(copied / "result.json")
    chosen = copied.parent / "search"
    shutil.copytree(copied, chosen / "chosen")
    with pytest.raises(DataError, match=r"do you mean .*search/chosen\?"):
        SavedRun.open(chosen)


def test_a_student_that_is_gone_or_damaged(copied):
    weights = copied / "student/model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-3] ^= 1
    weights.write_bytes(content)
    with pytest.raises(
        DataError, match=r"model.safetensors was changed or is damaged.*put it back"
    ):
        SavedRun.open(copied)
    weights.unlink()
    with pytest.raises(DataError, match=r"model.safetensors is missing; put it back"):
        SavedRun.open(copied)
    shutil.rmtree(copied / "student")
    with pytest.raises(DataError, match="has no folder student/ with the trained model"):
        SavedRun.open(copied)


def test_a_card_that_lay_there_when_training_ended_may_be_written_again(copied):
    """A run that was trained again in its folder (output.overwrite) found the card of the first."""
    card = copied / "student/README.md"
    card.write_text("of the first training")
    files = without_digest((copied / "result.json").read_bytes())["files"]
    changed(copied, files=files | {"student/README.md": file_digest(card)})
    card.write_text("of the second")
    assert SavedRun.open(copied).task.names == ("eight", "five", "three")
    card.unlink()
    SavedRun.open(copied)


def changed(folder, **changes):
    result = without_digest((folder / "result.json").read_bytes()) | changes
    (folder / "result.json").write_text(with_digest(result))


def test_another_number_of_classes(copied):
    changed(copied, classes=["eight", "five"], files={})
    with pytest.raises(
        StudentError, match=r"cannot open the student in .*: its head has 3 outputs, not the 2"
    ):
        SavedRun.open(copied)


def test_settings_of_another_version(copied):
    config = read_result(copied).config
    changed(copied, config=config | {"train": {"speed": 3}})
    with pytest.raises(DataError, match="are not those of this version of tutelage"):
        SavedRun.open(copied)
