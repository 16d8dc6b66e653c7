"""Atomic writes, errors of writing, sizes and digests."""

import errno
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tutelage.errors import DataError, OutputError
from tutelage.files import (
    allocate,
    find_files,
    is_full,
    remove_leftovers,
    write_atomically,
    writing_to,
)
from tutelage.files.tensors import write_tensors

KILLED = """
import os, signal, sys
from pathlib import Path
from tutelage.files import write_atomically

def pieces():
    yield b"half of it"
    os.kill(os.getpid(), signal.SIGKILL)

write_atomically(Path(sys.argv[1]), pieces())
"""


@pytest.mark.parametrize("content", ["ü\n", "ü\n".encode(), [b"\xc3", b"\xbc\n"]])
def test_text_bytes_and_pieces(tmp_path: Path, content: str | bytes | list[bytes]) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")
    write_atomically(path, content)
    assert path.read_bytes() == b"\xc3\xbc\n"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_old_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_text("before")

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise DataError("no more")

    with pytest.raises(DataError, match="no more"):
        write_atomically(path, pieces())
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_process_leaves_the_old_file_and_a_leftover(tmp_path: Path) -> None:
    path, other = tmp_path / "file.txt", tmp_path / "file.txt.bak"
    path.write_text("before")
    other.write_text("mine")
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "before"
    assert len(list(tmp_path.iterdir())) == 3
    remove_leftovers(path)
    assert sorted(tmp_path.iterdir()) == [path, other]


def test_files_are_found_while_folders_beside_them_come_and_go(tmp_path: Path) -> None:
    kept = [tmp_path / "a" / "result.json", tmp_path / "b" / "deep" / "result.json"]
    for path in kept:
        path.parent.mkdir(parents=True)
        path.touch()
    ended = threading.Event()

    def come_and_go() -> None:
        while not ended.is_set():
            for number in range(20):
                (tmp_path / "a" / f"{number}.trial").mkdir()
            for number in range(20):
                (tmp_path / "a" / f"{number}.trial").rmdir()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    try:
        assert all(find_files(tmp_path, "result.json") == kept for _ in range(300))
    finally:
        ended.set()
        thread.join()
    assert find_files(tmp_path, "res*.json") == kept
    assert find_files(tmp_path / "none", "result.json") == []


def test_writers_of_one_file_do_not_meet(tmp_path: Path) -> None:
    """Of eight threads that write at once, the last one wins, with all of its content."""
    path = tmp_path / "file.txt"
    start = threading.Barrier(8)

    def write(number: int) -> None:
        start.wait()
        for _ in range(10):
            write_atomically(path, str(number) * 10_000)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    content = path.read_text()
    assert len(content) == 10_000
    assert len(set(content)) == 1
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_are_those_of_any_new_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", "")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "No space left on device; free some space, or choose another path"),
        (errno.EACCES, "Permission denied; choose another path"),
    ],
)
def test_a_failed_write_names_the_setting_and_the_way_out(number: int, says: str) -> None:
    with (
        pytest.raises(OutputError, match=f"cannot write to output.dir /runs: {says}$") as caught,
        writing_to(Path("/runs"), name="output.dir"),
    ):
        raise OSError(number, os.strerror(number))
    assert isinstance(caught.value.__cause__, OSError)


def test_advice_replaces_the_usual_one() -> None:
    with (
        pytest.raises(OutputError, match=r"to /runs: Permission denied; ask somebody$"),
        writing_to(Path("/runs"), advice="ask somebody"),
    ):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def test_safetensors_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"), writing_to(tmp_path):
        save_file({"a": torch.ones(1)}, tmp_path / "missing" / "a.safetensors")


@pytest.fixture
def nearly_full() -> Iterator[None]:
    """The system refuses more than 2,000 bytes a file, as it refuses more on a full disk."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limit[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)


@pytest.mark.parametrize("write", [save_file, lambda one, path: write_tensors(path, one)])
def test_safetensors_on_a_full_disk_is_told_as_any_file(nearly_full, write, tmp_path: Path) -> None:
    """A search repeats what the disk prevented, and tells it from runs that fail by themselves."""
    says = r": File too large; free some space, or ask$"
    with pytest.raises(OutputError, match=says) as caught, writing_to(tmp_path, advice="ask"):
        write({"a": torch.ones(1000)}, tmp_path / "a.safetensors")
    assert isinstance(cause := caught.value.__cause__, OSError)
    assert is_full(cause)


def test_other_errors_pass() -> None:
    with pytest.raises(DataError, match=r"^as it was$"), writing_to(Path("/runs")):
        raise DataError("as it was")


def test_room_is_reserved(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        allocate(file.fileno(), 12_345)
    assert (tmp_path / "file").stat().st_size == 12_345


def test_a_system_that_cannot_open_folders_writes_all_the_same(tmp_path, monkeypatch):
    """Windows refuses to open a folder."""
    opened = os.open

    def refuse_folders(path, *more, **options):
        if Path(path).is_dir():
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return opened(path, *more, **options)

    monkeypatch.setattr(os, "open", refuse_folders)
    write_atomically(tmp_path / "file.txt", "written")
    assert (tmp_path / "file.txt").read_text() == "written"
