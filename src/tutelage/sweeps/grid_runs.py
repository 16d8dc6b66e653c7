"""Runs of a comparison's points: on the hold-out, to choose settings, and over the seeds."""

from collections.abc import Sequence
from pathlib import PurePath

from tutelage.config import ExperimentConfig
from tutelage.progress import Progress
from tutelage.results.statistics import sample_mean
from tutelage.sweeps.grid import GridPoint
from tutelage.sweeps.jobs import Failed, attempt_all, run_score
from tutelage.sweeps.processes import Pool
from tutelage.sweeps.repeats import Repeat, repeats_of
from tutelage.sweeps.search_space import SearchPoint, space_of

__all__ = [
    "Choice",
    "best_candidate",
    "candidates_of",
    "choose_settings",
    "held_out_runs",
    "run_all",
    "run_config",
]

Choice = SearchPoint | Failed
"""The settings of a point's runs, or why it has none."""


def choose_settings(
    points: Sequence[GridPoint], choices: Sequence[Choice], *, processes: Pool, progress: Progress
) -> list[Choice]:
    """Return each point's best candidate on the hold-out; of equal ones the first.

    Args:
        points: The combinations.
        choices: What is known of each; those that failed stay as they are.
        processes: Train the runs.
        progress: Receives progress reports.
    """
    spaces = {
        number: candidates_of(point)
        for number, (point, choice) in enumerate(zip(points, choices, strict=True))
        if isinstance(choice, SearchPoint)
    }
    runs = {
        number: [held_out_runs(points[number], candidate) for candidate in candidates]
        for number, candidates in spaces.items()
        if len(candidates) > 1
    }
    scores = iter(
        attempt_all(
            run_score,
            [run for of_point in runs.values() for repeats in of_point for run in repeats],
            processes=processes,
            label="choose settings on the hold-out",
            unit="runs",
            progress=progress,
        )
    )
    chosen = list(choices)
    for number, candidates in spaces.items():
        chosen[number] = (
            best_candidate(
                [
                    (candidate, [next(scores) for _ in repeats])
                    for candidate, repeats in zip(candidates, runs[number], strict=True)
                ]
            )
            if number in runs
            else candidates[0]
        )
    return chosen


def candidates_of(point: GridPoint) -> list[SearchPoint]:
    """Return the settings that are tried for a point; where it is one alone, nothing is tried."""
    return space_of(point.config, [point.method]).points


def held_out_runs(point: GridPoint, candidate: SearchPoint) -> list[ExperimentConfig]:
    """Return the runs on the hold-out of a point with some settings, fold by fold and with each seed."""
    return [_held_out_config(point, candidate, repeat) for repeat in repeats_of(point.config.tune)]


def run_all(
    points: Sequence[GridPoint],
    choices: Sequence[Choice],
    *,
    seeds: int,
    processes: Pool,
    progress: Progress,
) -> list[list[float | Failed]]:
    """Return each point's scores over the seeds, trained on all its training rows.

    Args:
        points: The combinations.
        choices: The settings of each; one that failed fails for every seed.
        seeds: How many.
        processes: Train the runs.
        progress: Receives progress reports.
    """
    configs = [
        run_config(point, choice, seed=seed)
        for point, choice in zip(points, choices, strict=True)
        if isinstance(choice, SearchPoint)
        for seed in range(seeds)
    ]
    scores = iter(
        attempt_all(
            run_score,
            configs,
            processes=processes,
            label="compare",
            unit="runs",
            progress=progress,
        )
    )
    return [
        [next(scores) if isinstance(choice, SearchPoint) else choice for _ in range(seeds)]
        for choice in choices
    ]


def run_config(point: GridPoint, choice: SearchPoint, *, seed: int) -> ExperimentConfig:
    """Return the config of a point's run.

    Args:
        point: The combination.
        choice: Its settings.
        seed: Number of the seed, from 0.
    """
    folder = point.config.output.dir / "runs" / _place(point, choice) / f"seed-{seed}"
    config = choice.applied(point.config, folder=folder)
    return config.replace({"seed": config.seed + seed})


def best_candidate(tried: Sequence[tuple[SearchPoint, Sequence[float | Failed]]]) -> Choice:
    """Return the settings with the best mean score, of equal ones the first.

    Args:
        tried: Settings, and the scores of their runs; settings of which a run failed do not count.
    """
    finished, reasons = [], []
    for candidate, scores in tried:
        numbers = [one for one in scores if not isinstance(one, Failed)]
        reasons += [one.reason for one in scores if isinstance(one, Failed)]
        if len(numbers) == len(scores):
            finished.append((sample_mean(numbers).mean, candidate))
    if not finished:
        return Failed(f"nothing could be finished on the hold-out; the first said: {reasons[0]}")
    return max(finished, key=lambda one: one[0])[1]


def _held_out_config(point: GridPoint, choice: SearchPoint, repeat: Repeat) -> ExperimentConfig:
    place = repeat.place if "seed" in repeat.place.name else repeat.place / f"seed-{repeat.seed}"
    folder = point.config.output.dir / "tuning" / _place(point, choice) / place
    config = choice.applied(point.config, folder=folder)
    return repeat.applied(config, folds=point.config.tune.folds)


def _place(point: GridPoint, choice: SearchPoint) -> PurePath:
    return point.place("".join(f"-{name}-{value:g}" for name, value in choice.settings.items()))
