"""Claims of parts: one process each, and none of a process that was killed."""

import subprocess
import sys
from pathlib import Path

import pytest

from tutelage.cache.claims import PartClaims
from tutelage.errors import CacheError

HOLDER = """
import sys
from pathlib import Path
from tutelage.cache.claims import PartClaims

claims = PartClaims(Path(sys.argv[1]))
print(claims.take(range(6), at_most=2), flush=True)
sys.stdin.readline()
claims.drop(0)
print("dropped", flush=True)
sys.stdin.readline()
"""


def test_what_another_process_claims_is_left_to_it(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "entry")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "[0, 1]\n"
    claims = PartClaims(tmp_path / "entry")
    assert claims.take([0, 1, 2, 5], at_most=1) == [2]
    assert claims.take([0, 1, 2, 5], at_most=3) == [5]
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "dropped\n"
    assert claims.take(range(6), at_most=1) == [0]
    process.kill()
    process.communicate()
    assert claims.take(range(6), at_most=9) == [1, 3, 4]
    claims.close()


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CacheError, match=r"file cannot be written .*another cache folder"):
        PartClaims(tmp_path / "file" / "entry")
