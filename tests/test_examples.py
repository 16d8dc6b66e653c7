"""The examples run as they stand, each in a folder of its own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def test_the_documented_method_is_the_one_that_runs():
    code = (EXAMPLES / "add_a_regularizer.py").read_text(encoding="utf-8")
    method = code[code.index("class ") : code.index("if __name__")].strip()
    documented = (EXAMPLES.parent / "docs" / "extending.md").read_text(encoding="utf-8")
    assert method in documented


@pytest.mark.parametrize("example", sorted(path.name for path in EXAMPLES.glob("*.py")))
def test_example(example, tmp_path):
    ended = subprocess.run(
        [sys.executable, EXAMPLES / example],
        cwd=tmp_path,
        env=os.environ | {"HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    last = ended.stdout.strip().splitlines()[-1]
    if example == "add_a_regularizer.py":
        first, last = (float(last.split()[i]) for i in (1, 3))  # transfer: FIRST to LAST
        assert last < 0.6 * first
        return
    assert "NOT the same" not in last  # in all processes
    if example == "hf_trainer.py":  # the mean of two passes, about 1.8, not their sum
        assert 1 < float(re.findall(r"'loss': '([\d.]+)'", ended.stdout)[0]) < 2.5
    low, high = (float(last.split()[i]) for i in (1, 3))  # rho: LOW to HIGH over ...
    assert last.startswith("rho: ")
    assert low < 0.5 < high
