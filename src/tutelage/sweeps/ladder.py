"""Runs of a search, fold by fold, within a budget; what is on disk is not trained again."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from tutelage.config import ExperimentConfig
from tutelage.errors import DataError
from tutelage.files import find_files
from tutelage.progress import Progress, Silent
from tutelage.regularizers.catalogue import BASELINE
from tutelage.results.result import Result, read_result
from tutelage.sweeps.budget import Budget
from tutelage.sweeps.choice import Tried
from tutelage.sweeps.jobs import Failed, attempt_all, run_score
from tutelage.sweeps.processes import Pool
from tutelage.sweeps.repeats import Repeat
from tutelage.sweeps.search_space import SearchPoint

__all__ = ["Ladder"]

FINAL_RUNS = 2
"""The chosen student and the baseline, trained on all rows at the end."""
ALL_ROWS = 1.3
"""A final run takes so much longer than one on folds."""
LEAST_PACE = 0.25
"""Runs are not made shorter than this share of their automatic length."""
FEWEST = 15
"""So many runs without teachers, and as many with, are worth shortening all for."""
PATIENT = 1.5
"""The patience that is taken to be usual among what is tried."""
MOST = 1000


class _Run(NamedTuple):
    """A finished run.

    Attributes:
        score: The metric on the held-out rows.
        seconds: Its wall time.
        extraction: The part of it that the teachers took, which is not spent again.
    """

    score: float
    seconds: float
    extraction: float

    @classmethod
    def of(cls, result: Result) -> "_Run":
        score, seconds = result.metrics["holdout"][result.lead.name], result.seconds
        return cls(score, sum(seconds.values()), seconds.get("extract", 0.0))


@dataclass
class Ladder:
    """Settings that climb from fold to fold while a budget lasts.

    What is decided on the way follows from the runs that were asked for so far, and so is the same
    when an interrupted search is continued; only a time that is used up depends on the clock.

    Attributes:
        config: What is trained, as the user gave it.
        repeats: The runs of a setting, fold by fold.
        budget: What may be spent, the final runs included.
        jobs: Runs at once.
        processes: Who works.
        progress: Receives progress reports.
        taught: How many times as long as a run without teachers one with them lasts; a guess, until
            one is known.
        points: Everything tried so far, by name, in its order.
        used_up: Whether something was left out for want of budget.
    """

    config: ExperimentConfig
    repeats: Sequence[Repeat]
    budget: Budget
    jobs: int
    processes: Pool
    progress: Progress
    taught: float = 1.0
    points: dict[str, SearchPoint] = field(default_factory=dict)
    used_up: bool = False
    _results: dict[str, list[_Run]] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)
    _began: float = field(default_factory=time.monotonic)
    _before: float = 0.0
    _earlier: frozenset[Path] = frozenset()

    def __post_init__(self) -> None:
        """Note what an interrupted search trained before."""
        found = find_files(self.config.output.dir / "trials", "result.json")
        self._earlier = frozenset(path.parent for path in found)

    @property
    def tried(self) -> list[Tried]:
        """What was tried, with its scores."""
        return [
            Tried(
                name=name,
                method=point.method,
                settings=dict(point.settings),
                scores=tuple(run.score for run in self._results[name]),
                seconds=sum(run.seconds for run in self._results[name]),
                reason=self._failed.get(name, ""),
            )
            for name, point in self.points.items()
            if self._results[name] or name in self._failed
        ]

    @property
    def runs(self) -> int:
        """Finished runs."""
        return sum(map(len, self._results.values()))

    @property
    def seconds(self) -> float:
        """Wall time of the search: of an interrupted one without pauses between its parts.

        Runs that an earlier part trained count once they are asked for, so a larger search in the same
        folder does not.
        """
        return self._before + time.monotonic() - self._began

    @property
    def middle(self) -> int:
        """Folds of the middle rung."""
        return min(3, len(self.repeats))

    def climb(self, points: Sequence[SearchPoint], *, folds: int, label: str) -> None:
        """Try settings on their first folds, in order, as long as the budget lasts.

        Args:
            points: Settings; one that failed is not tried again.
            folds: So many folds of each.
            label: What is done.
        """
        for point in points:
            self.points.setdefault(point.name, point)
            self._results.setdefault(point.name, [])
        missing = [
            (point, number)
            for point in points
            for number in range(len(self._results[point.name]), folds)
        ]
        if not missing:
            return
        done = {(one.name, number) for one, number in missing if self._on_disk(one, number)}
        total = len(missing)
        with self.progress.track(label, total, unit="runs", done=len(done)) as update:
            while missing and not self.used_up:
                chunk = self._affordable_of(missing[: self.jobs])
                if not chunk:
                    self.used_up = True
                    break
                self._run(chunk, label)
                missing = missing[len(chunk) :]
                done |= {(one.name, number) for one, number in chunk}
                update(len(done))
                missing = [one for one in missing if one[0].name not in self._failed]

    def best(self, *, plain: bool, count: int = 1) -> list[SearchPoint]:
        """The best settings so far, with or without teachers, of those that climbed highest.

        Args:
            plain: Whether standard fine-tuning or the methods with teachers are meant.
            count: At most so many.
        """
        known = [one for one in self.tried if one.finished and (one.method == BASELINE) is plain]
        highest = max((len(one.scores) for one in known), default=0)
        level = [one for one in known if len(one.scores) == highest]
        level.sort(key=lambda one: one.score.mean, reverse=True)
        return [self.points[one.name] for one in level[:count]]

    def pace(self) -> float:
        """How much shorter than the config asks runs must be, so that the budget allows a search worth
        the name: 0.25 to 1.

        It follows from a first run of standard fine-tuning.
        """
        if not self.budget.counts_time:
            return 1.0
        each = self._cost(BASELINE) + self._cost("")
        worth = FEWEST * self.config.train.patience * each
        return min(1.0, max(LEAST_PACE, self.budget.limit / worth if worth else 1.0))

    def affordable(self, *, so_far: int) -> int:
        """How many settings with teachers the budget allows to try, with all that follows.

        Of N settings on the first fold, a third and then a ninth climb on, beside standard
        fine-tuning; their runs are

            N + (folds of the middle - 1) ceil(N / 3) + (all folds - these) max(2, ceil(N / 9))

        Args:
            so_far: How many were tried.
        """
        middle, last = self.middle, len(self.repeats)
        patient = PATIENT if self.budget.counts_time else 1.0
        plain = self._cost(BASELINE) * patient * (2 * (middle - 1) + (last - middle))
        left = self.budget.limit - self._reserve - self._spent - plain
        each = self._cost("") * patient

        def needed(count: int) -> float:
            third, ninth = math.ceil(count / 3), min(count, max(2, math.ceil(count / 9)))
            return each * (count - so_far + (middle - 1) * third + (last - middle) * ninth)

        count = so_far
        while count - so_far < MOST and needed(count + 1) <= left:
            count += 1
        return count

    @property
    def _spent(self) -> float:
        """Runs, or their seconds: of what was asked for so far, whatever else is on disk."""
        if not self.budget.counts_time:
            return self.runs
        runs = (run.seconds for runs in self._results.values() for run in runs)
        return sum(runs) / self.jobs

    @property
    def _reserve(self) -> float:
        """What the final runs are likely to cost."""
        final = self._cost("") + self._cost(BASELINE)
        if not self.budget.counts_time:
            return final
        return ALL_ROWS * PATIENT * final * self.jobs / min(self.jobs, FINAL_RUNS)

    def _affordable_of(
        self, chunk: Sequence[tuple[SearchPoint, int]]
    ) -> Sequence[tuple[SearchPoint, int]]:
        """What the budget still pays for: the first runs of a number, or all or none by time.

        Neither ``jobs`` nor what a larger budget left on disk decides which runs a number pays for.
        """
        left = self.budget.limit - self._reserve - self._spent
        if not self.budget.counts_time:
            return chunk[: max(0, math.floor(left))]
        return () if self._is_too_long(chunk) else chunk

    def _is_too_long(self, chunk: Sequence[tuple[SearchPoint, int]]) -> bool:
        """Whether runs that are not on disk would take more than is left of the time."""
        new = [point for point, number in chunk if self._on_disk(point, number) is None]
        cost = sum(map(self._cost_of, new))
        spent = max(self._spent, self.seconds)
        return bool(new) and cost > self.budget.limit - self._reserve - spent

    def _cost_of(self, point: SearchPoint) -> float:
        return float(point.settings.get("patience", 1)) * self._cost(point.method)

    def _cost(self, method: str) -> float:
        """What a run with a patience of 1 is likely to cost, in runs or in seconds of the search."""
        if not self.budget.counts_time:
            return 1.0
        plain = method == BASELINE
        known = [
            (run.seconds - run.extraction) / float(self.points[name].settings.get("patience", 1))
            for name, runs in self._results.items()
            if (self.points[name].method == BASELINE) is plain
            for run in runs
        ]
        if known:
            return sum(known) / len(known) / self.jobs
        return 0.0 if plain else self.taught * self._cost(BASELINE)

    def _run(self, chunk: Sequence[tuple[SearchPoint, int]], label: str) -> None:
        configs = [self._config(point, number) for point, number in chunk]
        for (point, number), config in zip(chunk, configs, strict=True):
            earlier = config.output.dir in self._earlier
            if earlier and (run := self._on_disk(point, number)) is not None:
                self._before += run.seconds / self.jobs
        found = attempt_all(
            run_score,
            configs,
            processes=self.processes,
            label=label,
            unit="runs",
            progress=Silent(),
        )
        for (point, number), score in zip(chunk, found, strict=True):
            if isinstance(score, Failed):
                self._failed.setdefault(point.name, score.reason)
                self.progress.note(f"{point.name}: {score.reason}")
            elif point.name in self._failed:
                continue  # one job would not have started it
            elif (run := self._on_disk(point, number)) is not None:
                self._results[point.name].append(run)

    def _on_disk(self, point: SearchPoint, number: int) -> "_Run | None":
        try:
            return _Run.of(read_result(self._config(point, number).output.dir))
        except DataError:
            return None

    def _config(self, point: SearchPoint, number: int) -> ExperimentConfig:
        repeat = self.repeats[number]
        folder = self.config.output.dir / "trials" / point.name / repeat.place
        applied = point.applied(self.config, folder=folder)
        return repeat.applied(applied, folds=None if repeat.fold is None else len(self.repeats))
