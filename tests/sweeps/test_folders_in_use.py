"""Folders that are damaged, or that another process uses: the command and its dry run say the same."""

import shutil
import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import optuna
import pytest
import tomli_w
from digit_search import counts, files, search_table, with_

from tutelage.data.row_digests import source_digests
from tutelage.errors import TrainingError
from tutelage.experiment.plan import Plan
from tutelage.files import locks
from tutelage.progress import Silent
from tutelage.sweeps.compare import compare
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import space_of
from tutelage.sweeps.sweep_estimate import estimate_search
from tutelage.sweeps.tune import tune


@pytest.fixture
def table(digits, tmp_path, monkeypatch) -> dict[str, Any]:
    return search_table(digits, tmp_path, monkeypatch)


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] + b"}\n{")


@pytest.mark.parametrize(
    ("verb", "file", "said"),
    [
        ("tune", "tune.journal", "tune.journal is damaged"),
        ("tune", "rows.json", "rows.json is damaged"),
        ("tune", "trials/stl/result.json", "remove it"),
        ("tune", "chosen/result.json", "remove it"),
        ("compare", "rows.json", "rows.json is damaged"),
        ("compare", "compare.toml", "remove it"),
        ("compare", "runs/stl/seed-0/result.json", "remove it"),
    ],
)
def test_a_damaged_file_is_one_message_and_nothing_is_lost(
    table, tmp_path, command, verb, file, said
):
    with open("config.toml", "wb") as config:
        tomli_w.dump(table, config)
    words = (verb, "config.toml", "--methods", "stl", "--set", "compare.seeds=1")
    assert command(*words)[0] == 0
    if file.startswith("trials"):
        (tmp_path / "out" / "tune.journal").unlink()
    damaged(tmp_path / "out" / file)
    before = files(tmp_path / "out")
    for more in (["--dry-run"], []):
        status, _, refused = command(*words, *more)
        assert status == 2
        assert said in refused
        assert "Traceback" not in refused
        if more:
            assert files(tmp_path / "out") == before
    assert before[tmp_path / "out" / file] == files(tmp_path / "out")[tmp_path / "out" / file]


def test_a_study_that_another_process_uses_is_read_or_told(table, tmp_path):
    config = with_(table, "tune.lr=[0.1, 0.2]")
    optuna.create_study(storage=f"sqlite:///{tmp_path / 'tune.sqlite3'}", study_name="tune")
    (tmp_path / "out").mkdir()
    (tmp_path / "tune.sqlite3").rename(tmp_path / "out" / "tune.sqlite3")
    with closing(sqlite3.connect(tmp_path / "out" / "tune.sqlite3")) as connection:
        connection.execute("begin exclusive")
        for work in (estimate_search, partial(tune, retrain=False)):
            with pytest.raises(TrainingError, match="is locked by another process; end that"):
                work(config, methods=["stl"])
    shutil.rmtree(tmp_path / "out")
    search = Search(config, space_of(config, ["stl"]))
    plan = Plan.of(search.held_out)
    search.begin(source_digests(plan.data, plan.splits))
    _, lock = search.take()  # another process works on it
    before = files(tmp_path / "out")
    assert list(counts(estimate_search(config, methods=["stl"])).values()) == [2, 1]
    assert lock.is_locked
    assert files(tmp_path / "out") == before


def begun(table: dict[str, Any]) -> None:
    """Take a point, as a process does that is killed then."""
    config = with_(table)
    search = Search(config, space_of(config, ["stl"]))
    plan = Plan.of(search.held_out)
    search.begin(source_digests(plan.data, plan.splits))
    _, lock = search.take()
    lock.release()


@pytest.mark.parametrize(
    ("words", "lock", "doing"),
    [
        ("compare --methods stl", ".lock", "writes this comparison"),
        ("tune --methods stl", "trials/.lock", "takes a point of this search"),
        ("tune --methods stl", ".tune.journal.lock", "writes to this search's journal"),
        ("train --auto --budget 2", "trials/.lock", "begins this search"),
    ],
)
def test_a_lock_of_moments_that_a_stopped_process_holds_is_told_and_refused(
    table, tmp_path, command, monkeypatch, stopped_holder, caplog, words, lock, doing
):
    monkeypatch.setattr(locks, "SAID_AFTER", 0.2)
    monkeypatch.setattr(locks, "AT_MOST", 0.6)
    with open("config.toml", "wb") as config:
        tomli_w.dump(table, config)
    path = tmp_path / "out" / lock
    stopped_holder(path)
    verb, *options = words.split()
    status, _, said = command(verb, "config.toml", *options)
    assert status == 2
    told = f"{caplog.text}{said}"
    assert f"waiting for another process that {doing}: it holds {path};" in told
    assert f"another process that {doing} has held {path} for" in said
    assert "Traceback" not in said


class Watch(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)


@pytest.mark.parametrize(
    ("work", "lock", "doing"),
    [
        (tune, "trials/.chosen.lock", "another process that trains with the best point: it holds"),
        (tune, "trials/.0.lock", "other processes that try the last points: they hold"),
        (compare, "runs/stl/seed-0/.lock", "another process that trains in"),
    ],
)
def test_long_work_of_a_stopped_process_is_told_and_awaited(
    table, tmp_path, monkeypatch, stopped_holder, caplog, work, lock, doing
):
    monkeypatch.setattr(locks, "SAID_AFTER", 0.2)
    monkeypatch.setattr(locks, "AT_MOST", 0.6)
    if lock == "trials/.0.lock":
        begun(table)
    holder, watch, ended = stopped_holder(tmp_path / "out" / lock), Watch(), threading.Event()

    def told() -> list[str]:
        return [one for one in [*watch.notes, *caplog.messages] if one.startswith("waiting for")]

    def end_once_told() -> None:
        while not told() and not ended.wait(0.01):
            pass
        ended.wait(1.0)  # longer than a lock of moments is awaited
        holder.kill()

    thread = threading.Thread(target=end_once_told)
    thread.start()
    try:
        result = work(with_(table, "compare.seeds=1"), methods=["stl"], progress=watch)
    finally:
        ended.set()
        thread.join()
    (line,) = told()
    assert line.startswith(f"waiting for {doing}")
    assert str(tmp_path / "out" / lock) in line
    assert (tmp_path / "out" / f"{work.__name__}.json").is_file(), result
