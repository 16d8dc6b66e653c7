"""Locks that another process holds: told after a while, and awaited for ever only where work is long."""

import subprocess
import sys
import threading

import pytest
from filelock import FileLock

from tutelage.errors import TrainingError
from tutelage.files import locks
from tutelage.files.locks import LongWait, acquire, hold_file, tell


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(locks, "SAID_AFTER", 0.2)
    monkeypatch.setattr(locks, "AT_MOST", 0.6)


def test_a_free_lock_says_nothing(tmp_path, caplog):
    for briefly in (True, False):
        with hold_file(tmp_path / "lock", doing="works", briefly=briefly):
            pass
    assert caplog.messages == []


def test_a_lock_of_long_work_is_told_and_awaited(tmp_path, stopped_holder):
    path, told, done = tmp_path / "lock", [], threading.Event()
    holder = stopped_holder(path)
    said = threading.Event()

    def note(line: str) -> None:
        told.append(line)
        said.set()

    def work() -> None:
        with hold_file(path, doing="trains", briefly=False, note=note):
            done.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert said.wait(30)
    assert not done.wait(1.0), "it waits on, longer than for a lock of moments"
    holder.kill()
    thread.join(30)
    assert done.is_set()
    assert told == [
        f"waiting for another process that trains: it holds {path}; one that was stopped (Ctrl-Z) holds "
        "it, too. If there is none, remove that file"
    ]


def test_a_lock_of_moments_is_refused_in_the_end(tmp_path, stopped_holder, caplog):
    path = tmp_path / "lock"
    stopped_holder(path)
    words = (
        rf"that writes has held {path} for .* minutes.*End or continue it, then repeat this command"
    )
    with (
        pytest.raises(TrainingError, match=words),
        hold_file(path, doing="writes", briefly=True),
    ):
        pass
    (line,) = caplog.messages
    assert line.startswith(f"waiting for another process that writes: it holds {path}")


def test_what_it_says_helps(tmp_path, stopped_holder, caplog):
    """The file may be removed while the other waits."""
    path = tmp_path / "lock"
    stopped_holder(path)
    lock = FileLock(path)
    acquire(lock, doing="trains", briefly=False, note=lambda line: path.unlink())
    assert lock.is_locked
    lock.release()


def test_a_line_goes_to_standard_error_without_settings(tmp_path):
    program = "from tutelage.files.locks import tell\ntell('waiting')"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("", "waiting\n")


def test_of_a_launchers_processes_the_first_speaks(monkeypatch, caplog):
    for number in ("0", "1", "2"):
        monkeypatch.setenv("RANK", number)
        tell(f"I am {number}")
    assert caplog.messages == ["I am 0"]


def test_a_loop_tells_each_long_wait_once(monkeypatch):
    clock, told = [0.0], []
    monkeypatch.setattr(locks.time, "monotonic", lambda: clock[0])
    wait = LongWait(after=2.0)
    for clock[0] in (0.0, 1.0, 2.0, 3.0, 9.0):
        wait.goes_on(lambda: f"at {clock[0]:g}", note=told.append)
    wait.ends()
    for clock[0] in (10.0, 11.9, 12.1):
        wait.goes_on(lambda: f"at {clock[0]:g}", note=told.append)
    assert told == ["at 2", "at 12.1"]
