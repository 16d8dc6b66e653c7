"""Seconds of a sweep's runs: a few steps of each kind are timed, the others are as long as their steps."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tutelage.config import ExperimentConfig
from tutelage.errors import DivergedError
from tutelage.experiment.plan import Plan
from tutelage.experiment.rehearsal import Times
from tutelage.experiment.training_estimate import phases_of, rehearsed
from tutelage.regularizers.catalogue import parse_method
from tutelage.sweeps.point_run import quarter

__all__ = ["RunTimes"]

STRENGTHS = {"beta", "mix", "temperature"}
"""Settings of ``[transfer]`` that do not decide the time of a step."""


@dataclass(frozen=True)
class _Timed:
    """What a rehearsal measured, or why it failed, and the seconds to open the data."""

    measured: Times | Exception
    opening: float
    lr: float


@dataclass(frozen=True)
class RunTimes:
    """Times runs; of those with the same step one is rehearsed, for about ten seconds.

    Attributes:
        widths: Columns of each teacher, by name.
    """

    widths: Mapping[str, int]
    _timed: dict[str, _Timed] = field(default_factory=dict)
    _seconds: dict[tuple[str, ...], float] = field(default_factory=dict)

    def seconds(self, run: ExperimentConfig) -> float:
        """Return how long a run takes, its loading included and probes not.

        Raises:
            DivergedError: If the first steps of all such runs so far ended without a loss.
            Exception: What would end the run in its first steps.
        """
        step = _step(run)
        rows, looks = run.data.model_dump_json(exclude={"fold"}), run.tune.prune
        key = (step, rows, str(run.train.patience), str(looks))
        plan = None
        timed = self._timed.get(step)
        if timed is None or (
            isinstance(timed.measured, DivergedError) and timed.lr != run.train.lr
        ):
            plan, timed = self._rehearse(run)
            self._timed[step] = timed
        if isinstance(timed.measured, Exception):
            raise timed.measured
        if key not in self._seconds:
            plan = _looked_at(plan or Plan.of(run))
            parts = phases_of(plan, (), timed.measured)
            loading = timed.opening + timed.measured.build
            self._seconds[key] = loading + sum(part.seconds for part in parts)
        return self._seconds[key]

    def _rehearse(self, run: ExperimentConfig) -> tuple[Plan | None, _Timed]:
        plan, start = None, time.perf_counter()
        try:
            plan = Plan.of(run)
            opening = time.perf_counter() - start
            widths = [self.widths[teacher.name] for teacher in plan.teachers]
            return plan, _Timed(rehearsed(plan, widths).times, opening, run.train.lr)
        except Exception as error:  # noqa: BLE001  # a user's code may raise anything
            return plan, _Timed(error, 0.0, run.train.lr)


def _step(run: ExperimentConfig) -> str:
    """What decides the time of a step."""
    taught = parse_method(run.transfer.method).needs_teachers
    loop = run.train.model_dump_json(exclude={"lr", "patience"})
    parts = [str(run.student), loop, run.transfer.model_dump_json(exclude=STRENGTHS)]
    return " ".join([*parts, *(run.teacher_names if taught else ())])


def _looked_at(plan: Plan) -> Plan:
    """The plan of a run that may be ended early, which is evaluated on the hold-out meanwhile."""
    train = plan.config.train
    if not plan.config.tune.prune or plan.evaluated.name != "holdout" or train.eval_every:
        return plan
    looks = {"train.eval_every": quarter(train.known_steps)}
    return replace(plan, config=plan.config.replace(looks))
