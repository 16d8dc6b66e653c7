"""Small models of transformers, from the tests of teachers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "teachers"))
