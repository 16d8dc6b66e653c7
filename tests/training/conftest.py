"""Makes the small run of this folder, and the cases of several processes, importable."""

import sys
from pathlib import Path

sys.path[:0] = map(str, (Path(__file__).parent, Path(__file__).parents[1]))
