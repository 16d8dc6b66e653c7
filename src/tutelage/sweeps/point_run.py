"""Run a point of a search: its runs on the hold-out, and their score in the study."""

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass

import optuna
from optuna.trial import TrialState

from tutelage.config import ExperimentConfig
from tutelage.errors import DivergedError
from tutelage.experiment.plan import Plan
from tutelage.experiment.run import run
from tutelage.results.statistics import sample_mean
from tutelage.sweeps.optuna_study import using_study
from tutelage.sweeps.repeats import repeats_of
from tutelage.sweeps.search import Search
from tutelage.sweeps.search_space import SearchPoint
from tutelage.sweeps.shared_points import beating

__all__ = ["point_runs", "quarter", "try_next"]


def try_next(search: Search) -> bool:
    """Take a point and try it; False where there was none to take."""
    taken = search.take()
    if taken is None:
        return False
    trial, lock = taken
    alive = nullcontext() if search.storage is None else beating(trial)
    try:
        with using_study(search.folder, search.storage), alive:
            _try(search, trial)
    except optuna.exceptions.UpdateFinishedTrialError:
        if search.storage is None:
            raise
        # Another machine took this one for lost, and was faster; the score is the same.
    finally:
        lock.release()
    return True


def point_runs(search: Search, point: SearchPoint) -> list[ExperimentConfig]:
    """Return the runs of a point on the hold-out, fold by fold and with each seed."""
    folder, tune = search.folder / "trials" / point.name, search.config.tune
    return [
        repeat.applied(
            point.applied(search.held_out, folder=folder / repeat.place), folds=tune.folds
        )
        for repeat in repeats_of(tune)
    ]


def _try(search: Search, trial: optuna.Trial) -> None:
    point, metric = search.point(trial), search.config.data.lead.name
    trial.set_user_attr("point", {"name": point.name, "teachers": point.teachers})
    scores = []
    try:
        for number, applied in enumerate(point_runs(search, point)):
            folder, watch = applied.output.dir, None
            if applied.tune.prune and number == 0:
                applied, steps = _in_quarters(applied)
                watch = _Watch(trial, metric, every=applied.train.eval_every, steps=steps)
            result = run(applied, resume=True, on_evaluation=watch, check_rows=False)
            scores.append(result.metrics["holdout"][metric])
    except optuna.TrialPruned:
        (folder / "checkpoint.safetensors").unlink(missing_ok=True)
        search.tell(trial, state=TrialState.PRUNED)
    except DivergedError as error:
        trial.set_user_attr("reason", str(error))
        search.tell(trial, state=TrialState.FAIL)
    else:
        mean = sample_mean(scores)
        trial.set_user_attr("error", mean.error)
        trial.set_user_attr("values", scores)
        search.tell(trial, mean.mean)


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
    every = config.train.eval_every or quarter(steps)
    return config.replace({"train.eval_every": every}), steps


def quarter(steps: int) -> int:
    """Return after how many steps a point that may be ended early is evaluated."""
    return max(1, steps // 4)
