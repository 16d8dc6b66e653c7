"""Tests and the processes that they start share one file of small teachers."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
