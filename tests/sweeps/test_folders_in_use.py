"""Folders that are damaged, or that another process uses: the command and its dry run say the same."""

import shutil
import sqlite3
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
