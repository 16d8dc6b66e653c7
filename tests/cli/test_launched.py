"""Commands that each process of a launcher would do whole are refused."""

import pytest

from tutelage.cli import launched
from tutelage.cli.app import app
from tutelage.cli.launched import OTHER, SHARED, let_the_first_speak, refuse_several_processes
from tutelage.errors import ConfigError


def names() -> set[str]:
    commands = {one.name or one.callback.__name__ for one in app.registered_commands}
    return commands | {one.name for one in app.registered_groups}


def test_one_process_may_do_everything(monkeypatch):
    launched = {"WORLD_SIZE": "1", "LOCAL_RANK": "0"}
    for environment in ({}, {"WORLD_SIZE": ""}, launched, {"WORLD_SIZE": "4"}):
        for name in ("WORLD_SIZE", "LOCAL_RANK"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        for name in (*names(), None):
            refuse_several_processes(name)


def test_several_processes_share_training_and_extraction_alone(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "3")
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert names() > {*SHARED, *OTHER, "predict", "rank", "report", "demo", "cache"}
    refuse_several_processes(None)
    for name in names():
        if name in SHARED + OTHER:
            refuse_several_processes(name)
        else:
            with pytest.raises(ConfigError, match=rf"'tutelage {name}' .*WORLD_SIZE = 3.*without"):
                refuse_several_processes(name)


def test_the_command_refuses_before_it_looks_for_files(command, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "0")
    status, _, refused = command("predict", "no-run", "no-data", "--out", "p.csv")
    assert status == 2
    assert "'tutelage predict' is the work of one process" in refused
    assert command("--version")[0] == 0


def test_one_process_tells_of_a_mistake_that_all_make(command, monkeypatch):
    waited = []
    monkeypatch.setattr(launched.time, "sleep", waited.append)
    for environment in (
        {"RANK": "2"},
        {"RANK": "0", "LOCAL_RANK": "0"},
    ):  # a scheduler's, a launcher's
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        assert let_the_first_speak() == ""
    assert not waited
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "3")
    _, _, refused = command("train", "no-file.toml")
    assert refused.startswith("error: process 2: ")
    assert waited == [launched.UNTIL_ENDED], "the launcher ends it before it speaks"
