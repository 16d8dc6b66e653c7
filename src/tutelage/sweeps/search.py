"""A search that several processes share by its folder: optuna's study, and a lock for each point."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import BaseFileLock, FileLock, Timeout
from optuna.trial import BaseTrial, FixedTrial, FrozenTrial, TrialState

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.files import canonical, digest_of, writing_to
from tutelage.files.locks import STOPPED, hold_file
from tutelage.regularizers.catalogue import parse_method
from tutelage.results.tuning import Trial
from tutelage.sweeps.optuna_study import NAME, find_study, open_study, using_study
from tutelage.sweeps.repeats import repeats_of
from tutelage.sweeps.same_rows import keep_rows, refuse_kept_rows, refuse_rows
from tutelage.sweeps.search_space import Dimension, SearchPoint, SearchSpace
from tutelage.sweeps.shared_points import LOST, GivenParameters, hold, may_take

__all__ = ["Search"]

STARTUP = 4
"""So many points are never ended early: a median of fewer says little."""


@dataclass(frozen=True)
class Search:
    """A search, as several processes share it by its folder.

    Attributes:
        config: What is trained; ``output.dir`` is the search's folder.
        space: What is tried.
    """

    config: ExperimentConfig
    space: SearchSpace

    @property
    def folder(self) -> Path:
        """The folder of the search."""
        return self.config.output.dir

    @property
    def total(self) -> int:
        """How many points are tried."""
        return self.config.tune.samples or len(self.space.points)

    @property
    def storage(self) -> str | None:
        """Where machines without a common folder share the study; None for the folder itself."""
        return self.config.tune.storage

    @property
    def done(self) -> int:
        """How many are finished, pruned or failed."""
        with using_study(self.folder, self.storage):
            return sum(trial.state.is_finished() for trial in self._known(self._study()))

    @property
    def held_out(self) -> ExperimentConfig:
        """The config of all runs of the search: without the test rows."""
        return self.config.replace({"data.evaluate": "holdout"})

    def begin(self, rows: Mapping[str, str]) -> None:
        """Create the folder and the study, or resume them.

        Args:
            rows: Digests of the rows, by split.

        Raises:
            ConfigError: If the folder holds another search, or folder or storage one on other rows.
            TrainingError: If the study's file is damaged or locked.
            OutputError: If the folder cannot be written.
        """
        with writing_to(self.folder, name="output.dir"):
            (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        with self._locked():
            study = self._study()
            before = self._refuse_another(study, rows)
            with writing_to(self.folder, name="output.dir"):
                keep_rows(self.folder, rows, what="a search")
            study.set_user_attr("about", self._about)
            study.set_user_attr("rows", dict(before))

    def look(self, rows: Mapping[str, str]) -> None:
        """Refuse what ``begin`` refuses; nothing is written.

        Args:
            rows: Digests of the rows, by split.

        Raises:
            ConfigError: If the folder holds another search, or folder or storage one on other rows.
            TrainingError: If the study's file is damaged or locked.
        """
        with using_study(self.folder, self.storage):
            if (study := self._found()) is not None:
                self._refuse_another(study, rows)
        refuse_kept_rows(self.folder, rows, what="a search")

    def _refuse_another(self, study: optuna.Study, rows: Mapping[str, str]) -> Mapping[str, str]:
        """Refuse a study of something else, or on other rows; its own rows are returned."""
        if study.user_attrs.get("about", self._about) != self._about:
            raise ConfigError(
                f"{self.folder} holds a search with other settings; choose another output.dir "
                "(--out), or remove that folder"
            )
        before: Mapping[str, str] = study.user_attrs.get("rows") or rows  # earlier ones kept none
        refuse_rows(
            before,
            rows,
            where=f"{self.storage or self.folder} holds this search",
            instead="output.dir (--out)" if self.storage is None else "tune.storage",
        )
        return before

    def take(self) -> "tuple[optuna.Trial, BaseFileLock] | None":
        """Take a point that no process works on: one left by a killed process, else the next."""
        with self._locked():
            study = self._study()
            known = self._known(study)
            for left in known:
                if left.state != TrialState.RUNNING or not self._may_take(study, left):
                    continue
                if lock := self._lock(left.number):
                    # optuna has no public way back to a running trial: `_trial_id` is its key in the
                    # storage. Were it renamed, points that killed processes left would stay unfinished.
                    trial = optuna.Trial(study, left._trial_id)
                    if self.storage is not None:
                        self._hold(trial, known)
                    return trial, lock
            if self.storage is not None:
                return self._next_shared(study, known)
            queued = next((one for one in known if one.state == TrialState.WAITING), None)
            number = len(known) if queued is None else queued.number
            if number >= self.total:
                return None
            lock = self._lock(number)
            assert lock is not None  # no other process makes trials while the folder's lock is held
            try:
                if queued is None:  # else a process was killed before it could ask for its point
                    study.enqueue_trial(self._next(number, known))
                trial = study.ask()
                self.point(trial)
            except BaseException:
                lock.release()
                raise
            return trial, lock

    def point(self, trial: BaseTrial) -> SearchPoint:
        """Return the point of a trial: drawn by the study for a new trial, as stored for a known one."""
        sampled = self.config.tune.samples is not None
        method = trial.suggest_categorical("method", list(self.space.dimensions))
        sets = ["+".join(names) for names in self.space.teachers]
        needs_teachers = len(sets) > 1 and parse_method(method).needs_teachers
        chosen = trial.suggest_categorical("teachers", sets) if needs_teachers else sets[0]
        values = {
            one.name: _suggest(trial, f"{method} {one.name}", one, sampled=sampled)
            for one in self.space.dimensions[method]
        }
        return SearchPoint(
            method, values, self.space.teachers[sets.index(chosen)] if needs_teachers else ()
        )

    def trials(self) -> tuple[Trial, ...]:
        """All points that are finished, pruned or failed, in their order; nothing is written."""
        with using_study(self.folder, self.storage):
            return tuple(_trial(one) for one in self._tried() if one.state.is_finished())

    def left(self) -> list[SearchPoint]:
        """Points that are still to be tried, those that a killed process left included; nothing is written.

        Of drawn points they are those that would be drawn if all were drawn now.
        """
        with using_study(self.folder, self.storage):
            known = self._tried()
        begun = [trial.number for trial in known if trial.state == TrialState.RUNNING]
        queued = [trial.number for trial in known if trial.state == TrialState.WAITING]
        new = [*queued, *range(len(known), self.total)]
        stored = {
            trial.number: {**trial.system_attrs.get("fixed_params", {}), **trial.params}
            for trial in known
        }
        return [
            self.point(FixedTrial(self._next(number, known, stored=stored.get(number))))
            for number in [*begun, *(number for number in new if number < self.total)]
        ]

    def waited_for(self) -> str:
        """Say which points other processes have taken; nothing is written."""
        with using_study(self.folder, self.storage):
            taken = [one.number for one in self._tried() if one.state == TrialState.RUNNING]
        locks = ", ".join(str(self.folder / "trials" / f".{number}.lock") for number in taken)
        line = f"waiting for other processes that try the last points: they hold {locks}; {STOPPED}"
        if self.storage is not None:
            line += f". A machine that is silent for {LOST / 60:g} minutes is taken for lost"
        return f"{line}. If there is none, remove these files"

    def _tried(self) -> list[FrozenTrial]:
        study = self._found()
        return [] if study is None else self._known(study)

    def tell(
        self, trial: optuna.Trial, value: float | None = None, *, state: TrialState | None = None
    ) -> None:
        """Finish a trial; in a shared storage another machine that took it for lost may have done so."""
        trial.study.tell(trial, value, state=state, skip_if_finished=self.storage is not None)

    @property
    def _about(self) -> str:
        """Digest of what is tried."""
        tried: list[Any] = [self.held_out.digest(), repr(self.space)]
        if len(repeats := repeats_of(self.config.tune)) > 1:
            tried.append([one.place.as_posix() for one in repeats])
        return digest_of(canonical(tried))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock of the folder while the study is used."""
        lock = self.folder / "trials" / ".lock"
        with (
            hold_file(lock, doing="takes a point of this search", briefly=True),
            using_study(self.folder, self.storage),
        ):
            yield

    @property
    def _name(self) -> str:
        return NAME if self.storage is None else f"tutelage-{self._about}"

    def _found(self) -> optuna.Study | None:
        """The study, if there is one, to be read."""
        return find_study(self.folder, storage=self.storage, name=self._name)

    def _study(self) -> optuna.Study:
        prune = self.config.tune.prune
        return open_study(
            self.folder,
            storage=self.storage,
            name=self._name,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
            if prune
            else optuna.pruners.NopPruner(),
        )

    def _known(self, study: optuna.Study) -> list[FrozenTrial]:
        """All trials; in a shared storage there may be one too many of a machine that asked too late."""
        trials = study.get_trials(deepcopy=False)
        return trials if self.storage is None else trials[: self.total]

    def _may_take(self, study: optuna.Study, left: FrozenTrial) -> bool:
        return self.storage is None or may_take(study, left, self.folder)

    def _hold(self, trial: optuna.Trial, known: Sequence[FrozenTrial]) -> None:
        """Note who works on a point of a shared storage, and give it the settings of its number."""
        given = self._next(trial.number, known, stored=trial.params)
        trial.study.sampler = GivenParameters(given)
        hold(trial, self.folder)
        self.point(trial)

    def _next_shared(
        self, study: optuna.Study, known: Sequence[FrozenTrial]
    ) -> "tuple[optuna.Trial, BaseFileLock] | None":
        """Take the next point of a shared storage, whose number no other machine gets."""
        if len(known) >= self.total:
            return None
        trial = study.ask()
        if trial.number >= self.total:  # others took the last ones meanwhile
            study.tell(trial, state=TrialState.FAIL)
            return None
        lock = self._lock(trial.number)
        assert lock is not None  # numbers are not given twice
        try:
            self._hold(trial, known)
        except BaseException:
            lock.release()
            raise
        return trial, lock

    def _next(
        self, number: int, known: Sequence[FrozenTrial], *, stored: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """The settings of the point with a number: the grid's, or drawn.

        They are drawn in memory, so that a process that is killed leaves all of them or none, by a
        sampler of the point's own, so that a restart draws the same. In a shared storage it may leave
        some: what is ``stored`` is not drawn again.
        """
        if self.config.tune.samples is None:
            return _parameters(self.space.points[number])
        sampler = optuna.samplers.TPESampler(seed=self.config.seed + number)
        draws = optuna.create_study(direction="maximize", sampler=sampler)
        draws.add_trials([trial for trial in known if trial.state.is_finished()])
        if stored:
            draws.enqueue_trial(dict(stored))
        trial = draws.ask()
        self.point(trial)
        return trial.params

    def _lock(self, number: int) -> BaseFileLock | None:
        """The lock of a trial; None where a process that lives holds it."""
        lock = FileLock(self.folder / "trials" / f".{number}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        return lock


def _suggest(trial: BaseTrial, name: str, one: Dimension, *, sampled: bool) -> float:
    if not sampled:
        return float(trial.suggest_categorical(name, one.values))
    least = min(one.values)
    return trial.suggest_float(name, least, max(one.values), log=one.log and least > 0)


def _parameters(point: SearchPoint) -> dict[str, Any]:
    """A point as optuna's parameters, which ``Search.point`` asks for again."""
    return {
        "method": point.method,
        "teachers": "+".join(point.teachers),
        **{f"{point.method} {name}": value for name, value in point.settings.items()},
    }


def _trial(trial: FrozenTrial) -> Trial:
    states = {TrialState.COMPLETE: "finished", TrialState.PRUNED: "pruned"}
    about = trial.user_attrs.get("point", {})
    method = trial.params["method"]
    return Trial(
        name=about.get("name", method),
        method=method,
        settings={
            name.removeprefix(f"{method} "): value
            for name, value in trial.params.items()
            if name.startswith(f"{method} ")
        },
        teachers=tuple(about.get("teachers", ())),
        score=trial.value if trial.state == TrialState.COMPLETE else None,
        error=trial.user_attrs.get("error"),
        values=tuple(trial.user_attrs.get("values", ())),
        state=states.get(trial.state, "failed"),
        reason=trial.user_attrs.get("reason", ""),
    )
