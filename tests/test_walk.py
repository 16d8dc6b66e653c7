"""How far a run's config travels as a whole, by ``benchmarks/walk.py``: it must not grow unseen.

Single settings are not counted here: each new capability hands one to the function that needs it.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_walk_of_the_config():
    words = [sys.executable, "benchmarks/walk.py", "--whole"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    counted = re.search(r"stays (\d+), rooms \d+, climbs (\d+)", said)
    assert counted is not None
    assert int(counted[1]) <= 13
    assert int(counted[2]) <= 6
