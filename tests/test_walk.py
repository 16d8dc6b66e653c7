"""How far a run's config travels, as ``benchmarks/walk.py`` counts it: it must not grow unseen."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(("mode", "stays", "climbs"), [("--whole", 13, 6), ("", 51, 25)])
def test_the_walk_of_the_config(mode, stays, climbs):
    words = [sys.executable, "benchmarks/walk.py", *mode.split()]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    counted = re.search(r"stays (\d+), rooms \d+, climbs (\d+)", said)
    assert counted is not None
    assert int(counted[1]) <= stays
    assert int(counted[2]) <= climbs
