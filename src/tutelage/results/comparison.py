"""Methods side by side: which runs differ by seed alone, and what each is held against."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from tutelage.errors import DataError
from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.results.result import Result, read_history, read_result, read_rho
from tutelage.results.statistics import Difference, SampleMean, difference_of_means, sample_mean
from tutelage.tasks import Metric

__all__ = [
    "Comparison",
    "Method",
    "Run",
    "compare",
    "evaluated_split",
    "read_run",
    "same_data",
    "same_task",
    "same_training",
    "score_of",
]

NO_INFLUENCE = {
    "workers",
    "tracker",
    "log_every",
    "checkpoint_every",
    "eval_every",
    "inputs",
    "unlabelled_share",
    "epochs",  # the steps say what they came to
    "whole_epochs",
}
"""Settings of ``train`` that leave every number of a run without unlabelled rows as it is."""


@dataclass(frozen=True)
class Run:
    """A finished run: its result, its curves and its learned weights."""

    result: Result
    history: Sequence[Mapping[str, float]] = ()
    rho: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """Runs that differ in nothing but their seed.

    Attributes:
        label: How pages and tables call it; different for each method of a comparison.
        runs: By seed.
        score: The metric that leads, on the evaluated rows.
        baseline: The standard fine-tuning that it is held against; None for that itself, or
            where there is none.
        above_baseline: How far its score lies above; None where there is no baseline.
        fair: Whether the baseline was trained with the same settings.
    """

    label: str
    runs: tuple[Run, ...]
    score: SampleMean
    baseline: "Method | None" = None
    above_baseline: Difference | None = None
    fair: bool = True

    @property
    def is_baseline(self) -> bool:
        """Whether this is standard fine-tuning."""
        return self.runs[0].result.method == BASELINE

    @property
    def seeds(self) -> tuple[int, ...]:
        """The runs' seeds, in their order."""
        return tuple(run.result.seed for run in self.runs)


@dataclass(frozen=True)
class Comparison:
    """Methods on one task with one student.

    Attributes:
        methods: Standard fine-tuning first, then in the order of the runs.
        split: The evaluated rows: ``test`` or ``holdout``.
        picked: Label of the method that was picked beforehand, by other rows than these.
    """

    methods: tuple[Method, ...]
    split: str
    picked: str | None = None

    @property
    def metric(self) -> Metric:
        """What scores are."""
        return self.methods[0].runs[0].result.lead

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs, method by method."""
        return tuple(run for method in self.methods for run in method.runs)

    @property
    def foremost(self) -> Method | None:
        """What the comparison is about: the method that was picked, else that of the highest mean."""
        picked = (method for method in self.transfers if method.label == self.picked)
        highest = max(self.transfers, key=lambda method: method.score.mean, default=None)
        return next(picked, highest)

    @property
    def transfers(self) -> tuple[Method, ...]:
        """The methods that are not standard fine-tuning."""
        return tuple(method for method in self.methods if not method.is_baseline)


def read_run(folder: Path) -> Run:
    """Read all that a run's folder holds of a result.

    Raises:
        DataError: If there is no result, or a damaged one.
    """
    return Run(result=read_result(folder), history=read_history(folder), rho=read_rho(folder))


def evaluated_split(result: Result) -> str:
    """Return the name of the rows that a run was evaluated on: ``test``, else ``holdout``."""
    for split in ("test", "holdout"):
        if result.metric in result.metrics.get(split, {}):
            return split
    raise DataError(
        f"the run {result.name!r} has no {result.lead.label} on test or hold-out rows to report"
    )


def score_of(result: Result) -> float:
    """Return the metric that leads on the rows that a run was evaluated on, at most 1."""
    return result.metrics[evaluated_split(result)][result.metric]


def same_data(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configs have the same labelled rows; rows without a label are part of a method."""

    def labelled(config: Mapping[str, Any]) -> dict[str, Any]:
        data = config.get("data", {})
        kept = {key: value for key, value in data.items() if not key.startswith("unlabelled")}
        return {"task": "single-label"} | kept  # what configs of before did not say

    return labelled(one) == labelled(other)


def same_task(one: Result, other: Result) -> bool:
    """Whether two runs have the same data, metric, evaluated rows, and student."""
    return (
        one.metric == other.metric
        and same_data(one.config, other.config)
        and all(
            one.rows.get(split) == other.rows.get(split) for split in ("train", "test", "holdout")
        )
        and one.config.get("student") == other.config.get("student")
        and evaluated_split(one) == evaluated_split(other)
    )


def same_training(one: Result, other: Result) -> bool:
    """Whether two runs were trained with the same steps, batches, learning rate and so on."""
    return _training(one) == _training(other)


def compare(runs: Sequence[Run], *, picked: Result | None = None) -> Comparison:
    """Gather runs into methods and hold each against standard fine-tuning.

    Args:
        runs: Finished runs.
        picked: A run of the method that was picked beforehand; its group is what this is about.

    Raises:
        DataError: If there are no runs, they are not of one task, or one seed occurs twice.
    """
    if not runs:
        raise DataError("no runs to compare; give at least one run's folder")
    first = runs[0].result
    for run in runs[1:]:
        if not same_task(first, run.result):
            raise DataError(
                f"the runs {first.name!r} and {run.result.name!r} differ in data, metric, evaluated "
                "rows or student, so their scores cannot stand side by side; report them apart"
            )
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_settings(run.result), []).append(run)
    groups = dict(sorted(groups.items(), key=lambda item: item[1][0].result.method != BASELINE))
    methods = [
        Method(
            label=label,
            runs=tuple(sorted(members, key=lambda run: run.result.seed)),
            score=sample_mean(_by_seed(members).values()),
        )
        for label, members in zip(_labels(list(groups.values())), groups.values(), strict=True)
    ]
    baselines = [method for method in methods if method.is_baseline]
    return Comparison(
        methods=tuple(_held_against(method, baselines) for method in methods),
        split=evaluated_split(first),
        picked=next(
            (
                m.label
                for m in methods
                if picked and _settings(m.runs[0].result) == _settings(picked)
            ),
            None,
        ),
    )


def _held_against(method: Method, baselines: Sequence[Method]) -> Method:
    if method.is_baseline or not baselines:
        return method
    result = method.runs[0].result
    fair = [b for b in baselines if same_training(b.runs[0].result, result)]
    baseline = (fair or baselines)[0]
    return Method(
        label=method.label,
        runs=method.runs,
        score=method.score,
        baseline=baseline,
        above_baseline=difference_of_means(_by_seed(method.runs), _by_seed(baseline.runs)),
        fair=bool(fair),
    )


def _by_seed(runs: Sequence[Run]) -> dict[int, float]:
    values: dict[int, float] = {}
    for run in runs:
        if run.result.seed in values:
            raise DataError(
                f"two runs of {run.result.method!r} with the same settings have the seed "
                f"{run.result.seed}; give each seed once"
            )
        values[run.result.seed] = score_of(run.result)
    return values


def _training(result: Result) -> dict[str, Any]:
    train = {"label_smoothing": 0.0} | result.config.get("train", {})
    return {key: value for key, value in train.items() if key not in NO_INFLUENCE}


def _settings(result: Result) -> str:
    """All that makes two runs the same but for their seed, as one string."""
    apart = {"seed", "name", "output", "cache", "train", "tune", "compare"}
    config = {key: value for key, value in result.config.items() if key not in apart}
    if result.method == BASELINE:  # what it does not use cannot set two of its runs apart
        labelled = {k: v for k, v in config["data"].items() if not k.startswith("unlabelled")}
        config = {"data": labelled, "student": config.get("student")}
    parts: list[Any] = [result.method, config, _training(result), result.rows.get("unlabelled")]
    if result.method != BASELINE:
        parts.append(result.beta)
    return json.dumps(parts, sort_keys=True, default=str)


def _labels(groups: Sequence[Sequence[Run]]) -> list[str]:
    """A name for each group; where a method occurs twice, told apart by beta, then by run."""
    results = [group[0].result for group in groups]
    labels = [
        label_of(result.method) + (" + unlabelled" if "unlabelled" in result.rows else "")
        for result in results
    ]
    betas = ["" if r.method == BASELINE else f", β {r.beta:g}" for r in results]
    names = [f" ({result.name})" for result in results]
    numbers = [f" no. {index + 1}" for index in range(len(results))]
    for suffixes in (betas, names, numbers):
        labels = [
            label + suffix if labels.count(label) > 1 else label
            for label, suffix in zip(labels, suffixes, strict=True)
        ]
    return labels
