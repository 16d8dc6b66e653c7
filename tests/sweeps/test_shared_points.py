"""Points that folders share through a storage alone: each is taken once, and none is lost."""

import time

import optuna
import pytest
from optuna.trial import TrialState
from small_search import SPACE, finish, search

from tutelage.errors import TrainingError
from tutelage.sweeps import shared_points
from tutelage.sweeps.search_space import Dimension, SearchSpace


@pytest.fixture
def storage(request, tmp_path) -> str:
    """A journal; a database takes a second to be set up, so few tests ask for one."""
    kind = getattr(request, "param", "journal")
    return f"sqlite:///{tmp_path}/shared.db" if kind == "sqlite" else str(tmp_path / "journal")


both = pytest.mark.parametrize("storage", ["sqlite", "journal"], indirect=True)


@both
def test_two_folders_share_the_points(storage, tmp_path):
    ours, theirs = (search(tmp_path / one, storage=storage) for one in ("ours", "theirs"))
    taken = [taking.take() for taking in (ours, theirs, ours)]
    assert ours.take() is None
    assert theirs.take() is None
    names = [ours.point(trial).name for trial, _ in taken]
    assert names == [point.name for point in SPACE.points]
    for trial, lock in taken:
        finish(trial)
        lock.release()
    assert (ours.done, theirs.done) == (3, 3)
    assert ours.trials() == theirs.trials()
    assert not (tmp_path / "ours" / "tune.journal").exists()


def test_other_settings_are_another_study_of_the_same_storage(storage, tmp_path):
    ours = search(tmp_path / "ours", storage=storage)
    ours.take()
    other = search(tmp_path / "other", SearchSpace({"stl": ()}), storage=storage)
    assert other.point(other.take()[0]).name == "stl"
    assert [len(one._study().trials) for one in (ours, other)] == [1, 1]


def test_the_point_of_a_lost_machine_is_taken_once_it_is_silent(storage, tmp_path, monkeypatch):
    theirs, ours = (search(tmp_path / one, storage=storage) for one in ("theirs", "ours"))
    (left, lock), (held, held_lock) = theirs.take(), theirs.take()
    lock.release()  # their process is killed; that of the other point lives
    last, last_lock = ours.take()
    assert last.number == 2, "they may live"
    again, lock = theirs.take()
    assert again.number == 0, "a process of the same folder knows it by the lock"
    lock.release()
    late = time.time() + shared_points.LOST + 1
    monkeypatch.setattr(time, "time", lambda: late)
    held.set_user_attr(shared_points.SEEN, late)
    again, lock = ours.take()
    assert again.number == 0
    assert ours.point(again) == theirs.point(left)
    assert ours.take() is None
    assert all(one.is_locked for one in (lock, held_lock, last_lock))


def test_a_point_that_was_given_a_number_and_nothing_else_is_not_lost(
    storage, tmp_path, monkeypatch
):
    theirs, ours = (search(tmp_path / one, storage=storage) for one in ("theirs", "ours"))
    theirs._study().ask()  # killed right after
    assert ours.take()[0].number == 1
    late = time.time() + shared_points.LOST + 1
    monkeypatch.setattr(time, "time", lambda: late)
    again, _ = ours.take()
    assert again.number == 0
    assert ours.point(again) == SPACE.points[0]


@pytest.mark.parametrize("method", ["aft", "kd"])
def test_a_point_of_which_a_part_was_stored_keeps_it(storage, tmp_path, monkeypatch, method):
    """What is drawn depends on the points that are finished, so that it may be another later."""
    space = SearchSpace({name: (Dimension("beta", (1.0, 100.0)),) for name in ("aft", "kd")})
    ours = search(tmp_path, space, samples=1, storage=storage)
    left = ours._study().ask()
    left.study.sampler = shared_points.GivenParameters({"method": method})
    left.suggest_categorical("method", ["aft", "kd"])  # killed right after
    left.set_user_attr(shared_points.SEEN, time.time() - shared_points.LOST - 1)
    point = ours.point(ours.take()[0])
    assert point.method == method
    assert 1 <= point.settings["beta"] <= 100


@both
def test_a_machine_that_asks_too_late_adds_no_point(storage, tmp_path):
    ours = search(tmp_path, SearchSpace({"stl": ()}), storage=storage)
    trial, _ = ours.take()
    study = ours._study()
    assert ours._next_shared(study, []) is None, "as if the number had been free a moment ago"
    finish(trial)
    assert len(study.trials) == 2
    assert (ours.done, len(ours.trials())) == (1, 1)


def test_the_second_score_of_a_point_changes_nothing(storage, tmp_path):
    ours, theirs = (search(tmp_path / one, storage=storage) for one in ("ours", "theirs"))
    (trial, _), study = ours.take(), theirs._study()
    ours.tell(trial, 0.7)
    theirs.tell(optuna.Trial(study, trial._trial_id), 0.7)
    assert ours.trials()[0].score == 0.7


def test_drawn_points_differ_by_their_number_and_repeat(storage, tmp_path):
    space = SearchSpace({"aft": (Dimension("beta", (1.0, 100.0)),)})
    drawn = []
    for place in (storage, None):
        taking = search(tmp_path / str(place is None), space, samples=4, storage=place)
        points = []
        for _ in range(4):
            trial, lock = taking.take()
            points.append(taking.point(trial).settings["beta"])
            finish(trial)
            lock.release()
        drawn.append(points)
    assert drawn[0] == drawn[1], "as in a folder alone"
    assert len(set(drawn[0])) == 4


def test_a_point_is_noted_while_it_is_worked_on(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(shared_points, "BEAT", 0.01)
    ours = search(tmp_path, storage=storage)
    trial, _ = ours.take()
    begin = trial.user_attrs[shared_points.SEEN]
    with shared_points.beating(trial):
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            noted = ours._study().trials[0].user_attrs[shared_points.SEEN]
            if noted > begin:
                break
            time.sleep(0.02)
    assert noted > begin
    assert ours._study().trials[0].state == TrialState.RUNNING


def test_a_stopped_process_that_begins_in_the_folder_is_told(
    storage, tmp_path, monkeypatch, stopped_holder
):
    monkeypatch.setattr("tutelage.files.locks.SAID_AFTER", 0.1)
    monkeypatch.setattr("tutelage.files.locks.AT_MOST", 0.3)
    ours = search(tmp_path / "ours", storage=storage)
    stopped_holder(tmp_path / "ours" / "trials" / ".token.lock")
    with pytest.raises(
        TrainingError, match=r"that begins this search has held .*\.token\.lock for"
    ):
        ours.take()
