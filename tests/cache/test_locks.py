"""Locks of entries, held by another process or by none."""

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tutelage.cache.locks import hold_lock, try_lock
from tutelage.errors import CacheError

HOLDER = """
import sys
from pathlib import Path
from tutelage.cache.locks import hold_lock

with hold_lock(Path(sys.argv[1]), doing="works"):
    print("held", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that holds the lock of ``entry`` until it is killed or gets a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "entry")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_that_is_held_is_waited_for(tmp_path: Path, holder) -> None:
    waiting = threading.Event()
    done: list[bool] = []
    told: list[str] = []

    def note(line: str) -> None:
        told.append(line)
        waiting.set()

    def hold() -> None:
        with hold_lock(tmp_path / "entry", doing="works", note=note, after=0.1):
            done.append(True)

    thread = threading.Thread(target=hold)
    thread.start()
    assert waiting.wait(30)
    assert done == []
    holder.kill()  # a killed process holds no lock
    thread.join(30)
    assert done == [True]
    (line,) = told
    path = tmp_path / ".locks" / "entry.lock"
    assert line.startswith(f"waiting for another process that works: it holds {path};")


def test_a_free_lock_is_not_waited_for(tmp_path: Path) -> None:
    told: list[str] = []
    with hold_lock(tmp_path / "entry", doing="works", note=told.append, after=0.0):
        pass
    assert told == []


def test_trying_a_lock(tmp_path: Path, holder) -> None:
    for create in (False, True):
        with try_lock(tmp_path / "entry", create=create) as free:
            assert not free
        with try_lock(tmp_path / "other", create=create) as free:
            assert free
        assert (tmp_path / ".locks" / "other.lock").exists() == create


def test_a_cache_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(CacheError, match=r"file cannot be written .*another cache folder"),
        hold_lock(tmp_path / "file" / "entry", doing="works"),
    ):
        pass
