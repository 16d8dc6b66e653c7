"""The study of a search: shared by processes, continued after a kill, and clear about its own faults."""

import resource
import signal
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from tutelage.errors import OutputError, TrainingError
from tutelage.sweeps.optuna_study import open_study, using_study
from tutelage.sweeps.study_storage import _Journal

PRUNER = optuna.pruners.NopPruner()


def add(folder: Path, trials: int = 1) -> None:
    study = open_study(folder, pruner=PRUNER)
    for _ in range(trials):
        trial = study.ask()
        trial.report(0.1, 1)
        study.tell(trial, 0.5)


def hold(folder: Path) -> None:
    """Take the journal's lock, and keep it."""
    _Journal(folder / "tune.journal")._own_lock.acquire()
    (folder / "held").touch()
    time.sleep(60)


def scores(folder: Path) -> list[float | None]:
    return [trial.value for trial in open_study(folder, pruner=PRUNER).trials]


def test_a_study_is_read_back_and_a_running_trial_is_continued(tmp_path):
    add(tmp_path, 2)
    left = open_study(tmp_path, pruner=PRUNER).ask()
    left.set_user_attr("point", {"name": "a"})
    again = open_study(tmp_path, pruner=PRUNER)
    known = again.trials[2]
    assert (known.state, known.user_attrs) == (TrialState.RUNNING, {"point": {"name": "a"}})
    optuna.Trial(again, known._trial_id).study.tell(2, 0.7)
    assert scores(tmp_path) == [0.5, 0.5, 0.7]
    assert not list(tmp_path.glob("*.sqlite3"))


def test_processes_share_a_study(tmp_path):
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for done in [pool.submit(add, tmp_path, 5) for _ in range(2)]:
            done.result()
    assert scores(tmp_path) == [0.5] * 10


@pytest.mark.parametrize("cut", [1, 7])
def test_a_line_that_a_killed_process_wrote_in_part_is_removed(tmp_path, cut):
    add(tmp_path, 2)
    journal = tmp_path / "tune.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole[:-cut])  # the score of the second trial
    assert scores(tmp_path) == [0.5, None]
    add(tmp_path)
    assert scores(tmp_path) == [0.5, None, 0.5]
    assert journal.read_bytes().startswith(whole[: whole.rstrip().rfind(b"\n") + 1])


def test_zeros_that_a_power_cut_left_at_the_end_are_removed(tmp_path):
    """gastownhall/gascity#5336."""
    add(tmp_path, 2)
    journal = tmp_path / "tune.journal"
    whole = journal.read_bytes()
    journal.write_bytes(whole + bytes(512))
    assert scores(tmp_path) == [0.5, 0.5]
    add(tmp_path)
    assert scores(tmp_path) == [0.5, 0.5, 0.5]
    assert journal.read_bytes().startswith(whole + b"{")


def test_a_killed_process_gives_its_lock_back(tmp_path):
    """optuna/optuna#5921: with optuna's own lock, the next process waits for ever."""
    add(tmp_path)
    holder = get_context("spawn").Process(target=hold, args=(tmp_path,))
    holder.start()
    while not (tmp_path / "held").exists():
        assert holder.is_alive()
        time.sleep(0.01)
    holder.kill()
    holder.join()
    add(tmp_path)
    assert scores(tmp_path) == [0.5, 0.5]


@pytest.mark.parametrize(
    "content", [b"not a journal\nat all\n", b"\xff\xfe\n\xff\n", b'{"op_code": 0}\n', b"[1]\n1\n"]
)
def test_a_damaged_journal_is_one_message(tmp_path, content):
    (tmp_path / "tune.journal").write_bytes(content)
    with (
        pytest.raises(TrainingError, match=r"tune\.journal is damaged .* remove it and repeat"),
        using_study(tmp_path),
    ):
        scores(tmp_path)


@pytest.mark.parametrize("flipped", [0x01, 0x20, 0x80])
def test_no_flipped_byte_is_read_as_something_else(tmp_path, flipped):
    add(tmp_path, 2)
    journal = tmp_path / "tune.journal"
    whole = journal.read_bytes()
    end = whole[:-1].rfind(b"\n")  # a last line without an end is one that was cut
    for position in range(0, end, 11):
        journal.write_bytes(
            whole[:position] + bytes([whole[position] ^ flipped]) + whole[position + 1 :]
        )
        with pytest.raises(TrainingError, match="is damaged"), using_study(tmp_path):
            scores(tmp_path)


def test_a_study_of_an_earlier_version_is_continued(tmp_path):
    before = optuna.create_study(
        storage=f"sqlite:///{tmp_path / 'tune.sqlite3'}", study_name="tune", direction="maximize"
    )
    before.tell(before.ask(), 0.25)
    add(tmp_path)
    assert scores(tmp_path) == [0.25, 0.5]
    assert not (tmp_path / "tune.journal").exists()


def test_a_database_that_is_damaged_or_locked_is_one_message(tmp_path):
    database = tmp_path / "tune.sqlite3"
    database.write_text("not a database, really not")
    with pytest.raises(TrainingError, match=r"tune\.sqlite3 is damaged"), using_study(tmp_path):
        scores(tmp_path)
    database.unlink()
    with sqlite3.connect(database) as connection:
        connection.execute("create table t(a)")
        connection.commit()
        connection.execute("begin exclusive")
        with (
            pytest.raises(TrainingError, match="is locked by another process; end that"),
            using_study(tmp_path),
        ):
            scores(tmp_path)
    connection.close()


def told_with_a_limit(folder: Path, limit: int) -> str:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    try:
        add(folder)
    except OutputError as error:
        return str(error)
    return "written"


def test_a_full_disk_is_told_and_loses_nothing(tmp_path):
    add(tmp_path, 2)
    limit = (tmp_path / "tune.journal").stat().st_size + 50  # within a line
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        told = pool.submit(told_with_a_limit, tmp_path, limit).result()
    assert "tune.journal: File too large; free some space, then repeat the command" in told
    add(tmp_path)
    assert scores(tmp_path) == [0.5, 0.5, 0.5]
