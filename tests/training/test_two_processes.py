"""Training in two processes on the CPU, as torchrun starts them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tutelage.results.result import read_history, read_result

STUDENT = """
import atexit, os, time
from pathlib import Path
from safetensors.torch import save_file
from torch import nn

class Watched(nn.Module):
    '''Notes its process, the rows that this trains on, and at the end its weights.'''

    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(192, 16), nn.ReLU())
        self.head = nn.Linear(16, num_classes)
        self.notes = Path(os.environ["NOTES"]) / os.environ["RANK"]
        self.notes.with_suffix(".pid").write_text(str(os.getpid()))
        atexit.register(self.leave)

    def forward(self, images):
        if self.training:
            time.sleep(float(os.environ.get("PAUSE", 0)))
            with self.notes.with_suffix(".rows").open("a") as file:
                print(images.double().sum((1, 2, 3)).tolist(), file=file)
        return self.head(self.body(images))

    def leave(self):
        save_file(self.state_dict(), self.notes.with_suffix(".safetensors"))
"""
STATES = """
import random, sys
from pathlib import Path
import numpy as np, torch
from accelerate import Accelerator
from torch import nn
from tutelage.errors import TrainingError
from tutelage.results.run_folder import RunFolder
from tutelage.training.accelerator import refuse_apart
from tutelage.training.checkpoint import load_checkpoint, random_states, save_checkpoint
torch.distributed.init_process_group("gloo")
rank, path, model = torch.distributed.get_rank(), Path(sys.argv[1]), nn.Linear(2, 2)

def draw():
    return [random.random(), np.random.rand(), torch.rand(()).item()]

for seed in (random.seed, np.random.seed, torch.manual_seed):
    seed(rank)
draw()
states = random_states()
if rank == 0:
    save_checkpoint(path, model, optimizers={}, numbers={}, random=states)
torch.distributed.barrier()
expected = draw()
load_checkpoint(path, model, optimizers={})
both = [None, None]
again = draw()
torch.distributed.all_gather_object(both, (expected, again))
if rank == 0:
    save_checkpoint(path, model, optimizers={}, numbers={}, random=states[:1])
torch.distributed.barrier()
load_checkpoint(path, model, optimizers={})
alone = [None, None]
torch.distributed.all_gather_object(alone, draw())
if rank == 0:
    (expected, again), (other, other_again) = both
    assert expected == again != other == other_again
    assert alone[0] == expected != alone[1]
    print("as they were")

run = RunFolder(path.parent / f"machine {rank}", resume=True)
run.path.mkdir()
refuse_apart(run, accelerator := Accelerator(cpu=True))
if rank == 0:
    run.checkpoint.touch()
try:
    refuse_apart(run, accelerator)
except TrainingError as error:
    assert "not all processes see the run in" in str(error)
else:
    raise AssertionError("not refused")
torch.distributed.destroy_process_group()
"""
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", "-m")


def start(*words: object, notes: Path, pause: float = 0, module: str = "tutelage"):
    """The command, or another module, in two processes."""
    notes.mkdir(exist_ok=True)
    (notes.parent / "watched.py").write_text(STUDENT)
    own = {
        "NOTES": notes,
        "PAUSE": pause,
        "TUTELAGE_CACHE": notes.parent / "cache",
        "HF_HUB_OFFLINE": 1,
        "OMP_NUM_THREADS": 1,
        "CUDA_VISIBLE_DEVICES": "",  # accelerate waits on a GPU a process where one is seen
    }
    return subprocess.Popen(
        [sys.executable, *TORCHRUN, module, *map(str, words)],
        cwd=notes.parent,
        env=os.environ | {name: str(value) for name, value in own.items()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


@pytest.fixture
def words(digits) -> list[object]:
    return [
        "train", "--data", f"folder:{digits}",
        "--student", "python:watched:Watched", "--set", "student.input.image_size=8",
        "--teacher", "timm:test_vit", "--set", "teachers.0.params.weights=random",
        "--set", "train.steps=8", "--set", "train.batch_size=8", "--set", "train.log_every=2",
        "--set", "train.checkpoint_every=3", "--set", "train.workers=0", "--set", "train.lr=1e-2",
        "--set", "cache.workers=0", "--set", "data.views=2",
        "--method", "aft-turned", "--out",
    ]  # fmt: skip


def test_two_processes_share_the_work_and_a_killed_run_goes_on(words, tmp_path):
    said = ended(start(*words, "whole", notes=tmp_path / "notes"))
    assert said.count("train: 8 steps") == said.count("report   whole/report.html") == 1
    result = read_result(tmp_path / "whole")
    assert result.steps == 8
    assert [line["step"] for line in read_history(tmp_path / "whole")] == [2, 3, 4, 6, 8]

    first, second = (
        [json.loads(line) for line in (tmp_path / f"notes/{rank}.rows").read_text().splitlines()]
        for rank in (0, 1)
    )
    for rows in (2, 2, 3):
        assert len(first.pop(0)) == len(second.pop(0)) == rows, "the student is tried on a few rows"
    assert len(first) == len(second) == 8
    assert all(len(one) == len(other) == 8 for one, other in zip(first, second, strict=True))
    assert not set(first[0]) & set(second[0])  # the two halves of one step
    weights = [load_file(tmp_path / f"notes/{rank}.safetensors") for rank in (0, 1)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])

    killed = start(*words, "killed", notes=tmp_path / "others", pause=0.3)
    checkpoint = tmp_path / "killed/checkpoint.safetensors"
    while not checkpoint.is_file() and killed.poll() is None:
        time.sleep(0.01)
    killed.kill()
    for worker in (tmp_path / "others").glob("*.pid"):
        os.kill(int(worker.read_text()), signal.SIGKILL)
    said, _ = killed.communicate()
    assert checkpoint.is_file(), said
    assert not (tmp_path / "killed/result.json").exists()
    ended(start(*words, "killed", "--resume", notes=tmp_path / "others"))
    for name in ("metrics.jsonl", "rho.safetensors", "student/model.safetensors"):
        assert (tmp_path / "killed" / name).read_bytes() == (
            tmp_path / "whole" / name
        ).read_bytes(), name


def test_each_process_keeps_its_own_random_state(tmp_path):
    (tmp_path / "states.py").write_text(STATES)
    said = ended(start(tmp_path / "checkpoint", notes=tmp_path / "notes", module="states"))
    assert "as they were" in said
