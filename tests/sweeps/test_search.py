"""Points of a search are taken once, in order, and those that a killed process left come first."""

import pkgutil
from pathlib import Path

import pytest
from filelock import FileLock
from optuna.trial import TrialState
from small_search import SPACE, finish, search

from tutelage.errors import ConfigError
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import SearchSpace


def test_points_are_taken_in_order_and_each_once(tmp_path):
    taking = search(tmp_path)
    taken = [taking.take() for _ in range(4)]
    assert taken[3] is None
    names = [taking.point(trial).name for trial, _ in taken[:3]]
    assert names == ["stl", "aft-beta-1", "aft-beta-10"] == [p.name for p in SPACE.points]
    assert taking.total == 3
    for _, lock in taken[:3]:
        lock.release()


def test_two_searches_of_one_folder_share_the_points(tmp_path):
    ours, theirs = search(tmp_path), search(tmp_path)
    first, second = ours.take(), theirs.take()
    assert [ours.point(first[0]).name, ours.point(second[0]).name] == ["stl", "aft-beta-1"]


def test_a_point_left_by_a_killed_process_comes_before_the_next(tmp_path):
    taking = search(tmp_path)
    (left, lock), (held, held_lock) = taking.take(), taking.take()
    lock.release()  # as the system does when a process ends
    again, its_lock = search(tmp_path).take()
    assert again.number == left.number
    assert taking.point(again) == taking.point(left)
    assert its_lock.is_locked
    following, _ = taking.take()
    assert following.number == 2, "a point whose process lives is left to it"
    assert held_lock.is_locked
    assert held.number == 1


def test_a_taken_point_is_locked_for_other_processes(tmp_path):
    _, lock = search(tmp_path).take()
    other = FileLock(lock.lock_file)
    with pytest.raises(TimeoutError):
        other.acquire(timeout=0)
    lock.release()
    other.acquire(timeout=0)
    other.release()


def test_finished_points_are_counted_and_reported(tmp_path):
    taking = search(tmp_path)
    taken = [taking.take() for _ in range(3)]
    assert taking.done == 0
    finish(taken[0][0], score=0.7)
    taken[1][0].study.tell(taken[1][0], state=TrialState.PRUNED)
    taken[2][0].set_user_attr("reason", "the loss is nan")
    taken[2][0].study.tell(taken[2][0], state=TrialState.FAIL)
    assert taking.done == 3
    assert [(t.method, t.settings, t.score, t.state, t.reason) for t in taking.trials()] == [
        ("stl", {}, 0.7, "finished", ""),
        ("aft", {"beta": 1.0}, None, "pruned", ""),
        ("aft", {"beta": 10.0}, None, "failed", "the loss is nan"),
    ]
    assert taking.take() is None


def test_sets_of_teachers_are_tried_where_a_method_has_teachers(tmp_path):
    space = SearchSpace({"stl": (), "aft": ()}, teachers=(("a",), ("a", "b")))
    taking = search(tmp_path, space)
    taken = [taking.take() for _ in range(taking.total)]
    points = [taking.point(trial) for trial, _ in taken]
    assert [(p.method, p.teachers) for p in points] == [
        ("stl", ()),
        ("aft", ("a",)),
        ("aft", ("a", "b")),
    ]


def test_samples_lie_in_the_range_and_repeat(tmp_path):
    def drawn(folder: Path) -> list[float]:
        taking, values = search(folder, samples=5), []
        while taken := taking.take():
            values += taking.point(taken[0]).settings.values()
            finish(taken[0])
            taken[1].release()
        return values

    first = drawn(tmp_path / "first")
    assert first == drawn(tmp_path / "second")
    assert all(1 <= value <= 10 for value in first)
    assert len(set(first)) == len(first)


def test_another_search_in_the_folder_is_refused(tmp_path):
    search(tmp_path)
    search(tmp_path)
    with pytest.raises(ConfigError, match="holds a search with other settings"):
        search(tmp_path, SearchSpace({"stl": ()}))


def test_a_search_leaves_the_test_rows_alone(tmp_path):
    assert search(tmp_path).held_out.data.evaluate == "holdout"


class KilledError(Exception):
    """Stands for a process that is killed."""


def taken_but_killed_in(taking: Search, target: str, *, call: int = 1) -> None:
    """Take a point in a process that is killed in some call of a function."""
    owner, _, name = target.rpartition(".")
    calls, real = [], getattr(pkgutil.resolve_name(owner), name)

    def killed(*given: object, **named: object) -> object:
        calls.append(given)
        if len(calls) == call:
            raise KilledError
        return real(*given, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(target, killed)
        try:
            _, lock = taking.take()
        except KilledError:
            return
    lock.release()


@pytest.mark.parametrize("samples", [None, 3])
@pytest.mark.parametrize(
    ("target", "call"),
    [("optuna.Study.ask", 1), ("optuna.Study.ask", 2), ("optuna.Trial.suggest_float", 2),
     ("optuna.Trial.suggest_categorical", 1), ("optuna.Trial.suggest_categorical", 2)],
)  # fmt: skip
def test_killed_while_it_takes_a_point_all_points_are_tried(tmp_path, target, call, samples):
    whole, taking = search(tmp_path / "a", samples=samples), search(tmp_path / "b", samples=samples)
    for number in range(3):
        taken_but_killed_in(taking, target, call=call)
        points = []
        for one in (whole, taking):
            trial, lock = one.take()
            points.append((trial.number, one.point(trial)))
            finish(trial)
            lock.release()
        assert points[0] == points[1]
        assert points[1][0] == number
    assert taking.take() is None
    assert taking.done == taking.total, "a point that nobody takes would be waited for for ever"


def test_points_that_are_left_are_those_that_are_taken_next(tmp_path):
    taking = search(tmp_path)
    before = taking.left()
    assert before == taking.space.points
    (left, lock), (second, its_lock) = taking.take(), taking.take()
    finish(second)
    lock.release()
    its_lock.release()
    assert search(tmp_path).left() == [before[0], before[2]]
    left.study.enqueue_trial({"method": "aft", "aft beta": 10.0})  # nobody asked for it yet
    assert search(tmp_path).left() == [before[0], before[2]]
    assert [one.name for one in search(tmp_path).trials()] == ["aft"]


@pytest.mark.parametrize("storage", [None, "study.journal"])
def test_drawn_points_that_are_left_are_those_that_are_drawn(tmp_path, storage):
    given = {} if storage is None else {"storage": str(tmp_path / storage)}
    taking = search(tmp_path / "out", samples=6, **given)
    expected = taking.left()
    taken = [taking.take() for _ in range(6)]
    assert [taking.point(trial) for trial, _ in taken] == expected
    for _, lock in taken:
        lock.release()
    assert taking.left() == expected
