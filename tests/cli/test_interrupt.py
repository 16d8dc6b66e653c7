"""Ctrl-C: what is kept, and the command that continues."""

import os
import signal
import subprocess
import sys

import pytest
import typer

from tutelage.cli.interrupt import INTERRUPTED, TERMINATED, interruptible

OWN = """
import signal
from pathlib import Path

from torch import nn


class Student(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.steps, self.head = 0, nn.Linear(192, num_classes)

    def forward(self, images):
        self.steps += self.training
        if self.steps == 6 and not Path("stopped").exists():
            Path("stopped").touch()
            signal.raise_signal(signal.SIGINT)
        return self.head(images.flatten(1))


class Teacher(nn.Module):
    def forward(self, images):
        signal.raise_signal(signal.SIGINT)


def rows():
    signal.raise_signal(signal.SIGINT)
"""


@pytest.fixture
def begun(tmp_path, monkeypatch):
    """A folder for a run of the student, which is tried three times and interrupted in its third step."""
    (tmp_path / "interrupting.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    # Processes of a shell's background ignore Ctrl-C.
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, handler)


def test_training_names_its_checkpoint_and_the_command(command, begun, digits):
    words = ("train", "--data", f"folder:{digits}", "--student", "python:interrupting:Student")
    more = ("--method", "stl", "--set", "student.input.image_size=8", "--set", "train.steps=6")
    often = ("--set", "train.checkpoint_every=2", "--set", "train.batch_size=8", "--out", "my run")
    status, _, said = command(*words, *more, *often)
    assert status == INTERRUPTED
    assert "interrupted: the last checkpoint in my run is kept" in said
    assert said.rstrip().endswith("to continue: tutelage train 'my run' --resume")
    status, _, said = command("train", "my run", "--resume")
    assert status == 0
    assert command("report", "my run")[0] == 0


def test_extraction_says_that_features_are_kept(command, begun, digits):
    words = ("extract", "--data", f"folder:{digits}", "--teacher", "python:interrupting:Teacher")
    status, _, said = command(*words, "--set", "teachers.0.input.image_size=8")
    assert status == INTERRUPTED
    assert "features that teachers have computed are cached; repeat the command" in said


def test_a_command_without_a_line_of_its_own_has_one(command, begun):
    status, printed, said = command("rows", "python:interrupting:rows")
    assert (status, printed) == (INTERRUPTED, "")
    assert said == "interrupted: what is finished is kept; repeat the command\n"


@pytest.mark.parametrize("loaded", ["typer", "pydantic"])
def test_ctrl_c_while_the_command_is_loaded_has_a_line(loaded, tmp_path):
    """typer is loaded first, and loads pydantic when it reads the options."""
    (tmp_path / f"{loaded}.py").write_text("raise KeyboardInterrupt")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    words = [sys.executable, "-m", "tutelage", "doctor"]
    ended = subprocess.run(
        words, env=os.environ | {"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (INTERRUPTED, "")
    assert ended.stderr.startswith("interrupted: ")
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ((), "training had not begun"),
        (("config.toml",), "there is no checkpoint yet"),
        (("config.toml", "checkpoint.safetensors"), "the last checkpoint in"),
        (("config.toml", "result.json"), "is finished and kept"),
    ],
)
def test_what_a_run_has_left(files, says, tmp_path, capsys):
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(typer.Exit) as ended, interruptible(run=tmp_path):
        raise KeyboardInterrupt
    assert ended.value.exit_code == INTERRUPTED
    assert says in capsys.readouterr().err


def test_several_runs_are_continued_by_the_same_command(tmp_path, capsys):
    with pytest.raises(typer.Exit), interruptible(several=tmp_path):
        raise KeyboardInterrupt
    assert "are kept" in (said := capsys.readouterr().err)
    assert "repeat the command to continue" in said


def test_of_several_processes_the_first_speaks(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    with pytest.raises(typer.Exit), interruptible():
        raise KeyboardInterrupt
    assert capsys.readouterr().err == ""


def test_a_run_of_several_processes_is_continued_by_as_many(tmp_path, capsys, monkeypatch):
    for name in ("config.toml", "checkpoint.safetensors"):
        (tmp_path / name).touch()
    for name, value in {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "RANK": "0"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(typer.Exit), interruptible(run=tmp_path):
        raise KeyboardInterrupt
    said = capsys.readouterr().err
    assert f"torchrun --nproc-per-node 2 -m tutelage train {tmp_path} --resume" in said


def test_a_scheduler_that_ends_the_command_leaves_as_much(tmp_path, capsys, monkeypatch):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(typer.Exit) as ended, interruptible(several=tmp_path):
        signal.raise_signal(signal.SIGTERM)
    assert ended.value.exit_code == TERMINATED == 128 + signal.SIGTERM
    assert "repeat the command to continue" in capsys.readouterr().err
    monkeypatch.setenv("LOCAL_RANK", "1")
    with interruptible():
        assert signal.getsignal(signal.SIGTERM) is before, "a launcher's process just ends"
    assert signal.getsignal(signal.SIGTERM) is before
