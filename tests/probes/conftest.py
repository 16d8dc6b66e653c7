"""Makes the stand-in for a device without float64 importable."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
