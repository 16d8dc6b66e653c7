"""Rows of several processes: gathered with gradient, so that they train as one process does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tutelage import AFTLoss, Objective
from tutelage.ranks import gather_rows, process_count


def test_two_and_four_processes_train_every_method_as_one_process_does():
    script = Path(__file__).with_name("several_processes.py")
    own = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
    ended = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert [line.split(":")[0] for line in ended.stdout.splitlines()] == [
        "2 processes",
        "4 processes",
    ]


@pytest.mark.gpu
def test_rows_on_a_gpu_are_gathered_as_those_in_memory():
    script = Path(__file__).with_name("on_one_gpu.py")
    ended = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(": equal") == 2


def test_one_process_keeps_its_rows():
    rows = torch.ones(3, 2, requires_grad=True)
    assert process_count() == 1
    (gathered,) = gather_rows(rows)
    assert gathered is rows


def test_tensors_of_other_rows_are_refused():
    with pytest.raises(ValueError, match="2 and 3 rows"):
        gather_rows(torch.ones(3, 2), torch.ones(2))


@pytest.mark.usefixtures("unchecked")
def test_the_batch_of_an_objective_is_one_of_two():
    with pytest.raises(ValueError, match="'local' or 'global', got 'all'"):
        Objective(torch.nn.CrossEntropyLoss(), AFTLoss(2, [3]), beta=1.0, batch="all")
