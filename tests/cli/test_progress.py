"""Progress on a terminal and in a log."""

import io

import pytest
from rich.console import Console

from tutelage.cli import progress as module
from tutelage.cli.progress import Bars, Lines, for_console, speed
from tutelage.progress import Progress, Silent


def console(*, terminal):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, color_system=None)


def written(target):
    return target.file.getvalue()


def test_a_terminal_gets_bars_and_a_log_lines(monkeypatch):
    assert isinstance(for_console(console(terminal=True)), Bars)
    assert isinstance(for_console(console(terminal=False)), Lines)
    monkeypatch.setenv("RANK", "1")  # of several processes the first reports
    assert isinstance(for_console(console(terminal=True)), Silent)


@pytest.mark.parametrize("terminal", [True, False])
def test_each_is_a_progress(terminal):
    assert isinstance(for_console(console(terminal=terminal)), Progress)


def test_a_bar_counts(monkeypatch):
    target = console(terminal=True)
    with Bars(target).track("extract [dino]", 8, unit="rows", done=2) as update:
        update(8)
    assert "extract [dino]" in written(target)  # brackets are no markup
    assert "8/8" in written(target)


def test_a_log_gets_a_line_at_the_end_that_counts_what_was_done_now(monkeypatch):
    now = iter([0.0, 1.0, 4.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    target = console(terminal=False)
    with Lines(target).track("extract dino", 10, unit="rows", done=2) as update:
        update(10)
    assert written(target) == "extract dino: 8 rows in 4.0 s (2.0 rows/s), after 2 of before\n"


def test_one_is_no_plural(monkeypatch):
    now = iter([0.0, 4.0, 4.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    target = console(terminal=False)
    with Lines(target).track("probes of teachers", 1, unit="sets") as update:
        update(1)
    assert written(target) == "probes of teachers: 1 set in 4.0 s (4.0 s a set)\n"


def test_a_log_gets_a_line_each_half_minute(monkeypatch):
    now = iter([0.0, 10.0, 30.0, 31.0, 40.0])
    monkeypatch.setattr(module.time, "monotonic", lambda: next(now))
    target = console(terminal=False)
    with Lines(target).track("extract dino", 100, unit="rows") as update:
        update(10)
        update(60)
        update(62)
    assert written(target).splitlines() == [
        "extract dino: 60 of 100 rows, 2.0 rows/s, 20 s left",
        "extract dino: 62 rows in 40.0 s (1.6 rows/s)",
    ]


def test_work_that_was_done_before_is_no_news():
    target = console(terminal=False)
    with Lines(target).track("extract dino", 10, unit="rows", done=10):
        pass
    assert written(target) == ""


@pytest.mark.parametrize("kind", [Bars, Lines])
def test_a_note_is_said_once_and_work_each_time(kind):
    target = console(terminal=kind is Bars)
    progress = kind(target)
    for _ in range(2):
        progress.note("dino: features of the 40 rows of train are cached")
        with progress.track("extract", 1, unit="rows") as update:
            update(1)
    assert written(target).count("are cached") == 1
    assert written(target).count("extract") >= 2


def test_long_notes_are_not_broken_in_a_log():
    target = console(terminal=False)
    Lines(target).note("word " * 60)
    assert written(target).count("\n") == 1


def test_a_slow_rate_is_the_time_of_one():
    assert speed(1234.5, "rows") == "1,234.5 rows/s"
    assert speed(0.25, "runs") == "4.0 s a run"
