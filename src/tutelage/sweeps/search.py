"""A search that several processes share by its folder: optuna's study, and a lock for each point."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import BaseFileLock, FileLock, Timeout
from optuna.trial import FrozenTrial, TrialState

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, DivergedError
from tutelage.experiment.plan import Plan
from tutelage.experiment.run import run
from tutelage.files import canonical, digest_of, writing_to
from tutelage.regularizers.catalogue import parse_method
from tutelage.results.statistics import sample_mean
from tutelage.results.tuning import Trial
from tutelage.sweeps.optuna_study import open_study, using_study
from tutelage.sweeps.repeats import repeats_of
from tutelage.sweeps.search_space import Dimension, SearchPoint, SearchSpace

__all__ = ["Search", "try_next"]

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
    def done(self) -> int:
        """How many are finished, pruned or failed."""
        with using_study(self.folder):
            return sum(trial.state.is_finished() for trial in self._study().trials)

    @property
    def held_out(self) -> ExperimentConfig:
        """The config of all runs of the search: without the test rows."""
        return self.config.replace({"data.evaluate": "holdout"})

    def begin(self) -> None:
        """Create the folder and the study, or resume them.

        Raises:
            ConfigError: If the folder holds another search.
            TrainingError: If the study's file is damaged or locked.
            OutputError: If the folder cannot be written.
        """
        tried: list[Any] = [self.held_out.digest(), repr(self.space)]
        if len(repeats := repeats_of(self.config.tune)) > 1:
            tried.append([one.place.as_posix() for one in repeats])
        about = digest_of(canonical(tried))
        with writing_to(self.folder, name="output.dir"):
            (self.folder / "trials").mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "trials" / ".lock"), using_study(self.folder):
            study = self._study()
            if study.user_attrs.setdefault("about", about) != about:
                raise ConfigError(
                    f"{self.folder} holds a search with other settings; choose another output.dir "
                    "(--out), or remove that folder"
                )
            study.set_user_attr("about", about)

    def take(self) -> "tuple[optuna.Trial, BaseFileLock] | None":
        """Take a point that no process works on: one left by a killed process, else the next."""
        with FileLock(self.folder / "trials" / ".lock"), using_study(self.folder):
            study = self._study()
            known = study.get_trials(deepcopy=False)
            for left in known:
                if left.state == TrialState.RUNNING and (lock := self._lock(left.number)):
                    # optuna has no public way back to a running trial: `_trial_id` is its key in the
                    # storage. Were it renamed, points that killed processes left would stay unfinished.
                    return optuna.Trial(study, left._trial_id), lock
            queued = next((one for one in known if one.state == TrialState.WAITING), None)
            number = len(known) if queued is None else queued.number
            if number >= self.total:
                return None
            lock = self._lock(number)
            assert lock is not None  # no other process makes trials while the folder's lock is held
            try:
                if queued is None:  # else a process was killed before it could ask for its point
                    study.enqueue_trial(self._next(known))
                trial = study.ask()
                self.point(trial)
            except BaseException:
                lock.release()
                raise
            return trial, lock

    def point(self, trial: optuna.Trial) -> SearchPoint:
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
        """All points that were tried, in their order."""
        with using_study(self.folder):
            return tuple(_trial(one) for one in self._study().trials)

    def _study(self) -> optuna.Study:
        prune = self.config.tune.prune
        return open_study(
            self.folder,
            pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP)
            if prune
            else optuna.pruners.NopPruner(),
        )

    def _next(self, known: Sequence[FrozenTrial]) -> dict[str, Any]:
        """The settings of the next point: the grid's, or drawn.

        They are drawn in memory, so that a process that is killed leaves all of them or none, by a
        sampler of the point's own, so that a restart draws the same.
        """
        if self.config.tune.samples is None:
            return _parameters(self.space.points[len(known)])
        sampler = optuna.samplers.TPESampler(seed=self.config.seed + len(known))
        draws = optuna.create_study(direction="maximize", sampler=sampler)
        draws.add_trials([trial for trial in known if trial.state.is_finished()])
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


def try_next(search: Search) -> bool:
    """Take a point and try it; False where there was none to take."""
    taken = search.take()
    if taken is None:
        return False
    trial, lock = taken
    try:
        with using_study(search.folder):
            _try(search, trial)
    finally:
        lock.release()
    return True


def _try(search: Search, trial: optuna.Trial) -> None:
    point, metric = search.point(trial), search.config.data.lead.name
    trial.set_user_attr("point", {"name": point.name, "teachers": point.teachers})
    config, folds = search.held_out, search.config.tune.folds
    scores = []
    try:
        for number, repeat in enumerate(repeats_of(search.config.tune)):
            folder = search.folder / "trials" / point.name / repeat.place
            applied = repeat.applied(point.applied(config, folder=folder), folds=folds)
            watch = None
            if config.tune.prune and number == 0:
                applied, steps = _in_quarters(applied)
                watch = _Watch(trial, metric, every=applied.train.eval_every, steps=steps)
            result = run(applied, resume=True, on_evaluation=watch)
            scores.append(result.metrics["holdout"][metric])
    except optuna.TrialPruned:
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)
        trial.study.tell(trial, state=TrialState.PRUNED)
    except DivergedError as error:
        trial.set_user_attr("reason", str(error))
        trial.study.tell(trial, state=TrialState.FAIL)
    else:
        mean = sample_mean(scores)
        trial.set_user_attr("error", mean.error)
        trial.set_user_attr("values", scores)
        trial.study.tell(trial, mean.mean)


@dataclass(frozen=True)
class _Watch:
    """Reports evaluations of a run to its trial, by their number, and ends it if it is behind."""

    trial: optuna.Trial
    metric: str
    every: int
    steps: int

    def __call__(self, step: int, metrics: Mapping[str, float]) -> None:
        reported = self.trial.study.trials[self.trial.number].intermediate_values
        look = step // self.every
        if look not in reported and step < self.steps:
            self.trial.report(metrics[self.metric], look)
        if self.trial.should_prune():
            raise optuna.TrialPruned


def _in_quarters(config: ExperimentConfig) -> tuple[ExperimentConfig, int]:
    """The config with an evaluation each quarter of its steps, if it asks for none; and its steps."""
    steps = Plan.of(config).config.train.known_steps
    every = config.train.eval_every or max(1, steps // 4)
    return config.replace({"train.eval_every": every}), steps


def _suggest(trial: optuna.Trial, name: str, one: Dimension, *, sampled: bool) -> float:
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
