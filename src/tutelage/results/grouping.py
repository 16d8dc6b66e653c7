"""Runs into rows: which runs differ only in their seed, and which can be compared."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tutelage.config import ExperimentConfig, TrainConfig
from tutelage.errors import DataError
from tutelage.regularizers.catalogue import BASELINE, label_of
from tutelage.results.comparison import Comparison, Scores, compare_scores
from tutelage.results.names import strengths, student_labels
from tutelage.results.result import Result
from tutelage.results.runs import Run

__all__ = [
    "compare_runs",
    "evaluated_split",
    "fair_baselines",
    "refuse_mixed_rows",
    "same_but_unlabelled",
    "same_data",
    "same_settings",
    "same_task",
    "same_training",
    "score_of",
    "training_differences",
]

LIMITS = ("limit", "limit_per_class")
"""Settings that change the training rows alone."""
IN_OTHER_FIELDS = {
    "unlabelled_share",  # of runs without unlabelled rows it decides nothing
    "epochs",  # the steps say what they came to
    "whole_epochs",
}
"""Settings of ``train`` that other fields of a result tell."""


def evaluated_split(result: Result) -> str:
    """Return the name of the rows that a run was evaluated on: ``test``, else ``holdout``."""
    for split in ("test", "holdout"):
        if result.metric in result.metrics.get(split, {}):
            return split
    raise DataError(
        f"the run {result.name!r} has no {result.lead.label} on test or hold-out rows to report"
    )


def score_of(result: Result) -> float:
    """Return the leading metric on the evaluated rows, at most 1."""
    return result.metrics[evaluated_split(result)][result.metric]


def same_data(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configs have the same labelled rows.

    Rows without a label are part of a method, and views of the rows part of its training.
    """
    return _labelled(one) == _labelled(other)


def same_task(one: Result, other: Result) -> bool:
    """Whether two runs have the same data, metric, evaluated rows, and student."""
    return (
        _comparable(one, other)
        and same_data(one.config, other.config)
        and one.rows.get("train") == other.rows.get("train")
        and one.config.get("student") == other.config.get("student")
    )


def same_training(one: Result, other: Result) -> bool:
    """Whether two runs were trained with the same steps, batches, learning rate and so on.

    Automatic steps of the same patience count as the same, whatever number they came to.
    """
    return not training_differences(one, other)


def training_differences(one: Result, other: Result) -> dict[str, tuple[Any, Any]]:
    """Return the settings in which two runs' training differs, with the two values of each.

    They are those of ``train``, ``views``, and the number of ``processes``. A number of steps that is
    stated, and the same one that followed from the rows, do not differ.
    """
    left, right = _training(one), _training(other)
    if one.automatic_steps != other.automatic_steps and one.steps == other.steps:
        left, right = (_without(settings, "steps", "patience") for settings in (left, right))
    names = sorted(left.keys() | right.keys())
    values = {name: (left.get(name), right.get(name)) for name in names}
    return {name: pair for name, pair in values.items() if pair[0] != pair[1]}


def same_settings(one: Result, other: Result) -> bool:
    """Whether two runs differ at most in their seed and in settings that decide no number."""
    return _settings(one) == _settings(other)


def same_but_unlabelled(one: Result, other: Result) -> bool:
    """Whether two runs differ at most in rows without a label, the number of steps, and the seed."""
    return (
        _comparable(one, other)
        and one.rows.get("train") == other.rows.get("train")
        and _but_unlabelled(one) == _but_unlabelled(other)
    )


def compare_runs(
    runs: Sequence[Run],
    *,
    picked: Result | None = None,
    probes: Mapping[str, float] | None = None,
    tuned: bool = False,
) -> Comparison:
    """Group runs that differ only in their seed, and compare each group with standard fine-tuning.

    The share of the training rows is that of the run with most of them.

    Args:
        runs: Finished runs.
        picked: A run of the method that was chosen beforehand; the verdict is about its row.
        probes: The metric of a linear probe on teachers' features, by name of the teachers.
        tuned: Whether the settings of each, standard fine-tuning's too, were chosen on a hold-out.

    Raises:
        DataError: If there are no runs, they have other data, metrics or evaluated rows, or one
            seed occurs twice in a group.
    """
    if not runs:
        raise DataError("no runs to compare; give at least one run's folder")
    refuse_mixed_rows(runs)
    first = runs[0].result
    for run in runs[1:]:
        if not _comparable(first, run.result):
            raise DataError(
                f"the runs {first.name!r} and {run.result.name!r} differ in data, metric or evaluated "
                "rows, so their scores cannot be compared; report them separately"
            )
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(_settings(run.result), []).append(run)
    members = sorted(groups.values(), key=lambda group: group[0].result.method != BASELINE)
    scores = _scores(members)
    comparison = compare_scores(
        scores,
        name=first.name,
        data=str(first.config.get("data", {}).get("source", "")),
        evaluated=evaluated_split(first),
        metric=first.lead,
        tuned=tuned,
        probes=probes,
        fair=fair_baselines(scores),
    )
    if picked is None:
        return comparison
    return comparison.model_copy(
        update={
            "picked": next(
                (
                    row.label
                    for row in comparison.rows
                    if _settings(row.runs[0].result) == _settings(picked)
                ),
                None,
            )
        }
    )


def refuse_mixed_rows(runs: Sequence[Run]) -> None:
    """Refuse runs with the same settings of the data, whose rows differ nevertheless.

    Test rows are compared among runs whose data differs at most in its limits, other rows among those
    whose data does not differ.

    Raises:
        DataError: If the rows of two runs differ, and both results have digests of them.
    """
    if pair := _mixed([run.result for run in runs]):
        name, one, other = pair
        places = {id(run.result): run.place for run in runs}
        raise DataError(
            f"the runs {one.name!r} ({places[id(one)]}) and {other.name!r} ({places[id(other)]}) were on different "
            f"{name} rows, although their settings are the same (ids, labels or content differ), so their "
            "scores cannot be compared; train again where the data was changed since"
        )


def _mixed(results: Sequence[Result]) -> tuple[str, Result, Result] | None:
    """Two runs with different rows, and the split where they differ."""
    first: dict[str, Result] = {}
    for result in results:
        labelled, data = _labelled(result.config), result.config.get("data", {})
        drawn = {"train": labelled, "holdout": labelled, "unlabelled": data}
        keys = {"test": _without(labelled, *LIMITS)} | drawn
        for name, key in keys.items():
            if digest := result.row_digests.get(name):
                other = first.setdefault(_canonical([name, key]), result)
                if other.row_digests[name] != digest:
                    return name, other, result
    return None


def fair_baselines(scores: Sequence[Scores]) -> dict[int, list[int]]:
    """For each position, positions of the standard fine-tunings that were trained alike.

    Scores whose runs were not read count as trained alike.
    """
    return {
        index: [
            other
            for other, candidate in enumerate(scores)
            if candidate.is_baseline
            and (
                not (row.runs and candidate.runs)
                or same_training(candidate.runs[0].result, row.runs[0].result)
            )
        ]
        for index, row in enumerate(scores)
    }


def _scores(groups: Sequence[Sequence[Run]]) -> list[Scores]:
    results = [group[0].result for group in groups]
    students = list(dict.fromkeys(_canonical(result.config.get("student")) for result in results))
    sources = {_canonical(r.config.get("student")): r.student.source for r in results}
    names = dict(zip(students, student_labels([sources[s] for s in students]), strict=True))
    most = max((result.rows.get("train", 0) for result in results), default=0)
    return [
        Scores(
            student=names[_canonical(result.config.get("student"))],
            fraction=result.rows.get("train", 0) / most if most else 1.0,
            method=result.method,
            title=label_of(result.method)
            + (" + unlabelled" if "unlabelled" in result.rows else ""),
            teachers=tuple(teacher.name for teacher in result.teachers),
            settings=strengths(
                result.method, result.config.get("transfer", {}) | {"beta": result.beta}
            ),
            values=_by_seed(group),
            runs=tuple(sorted(group, key=lambda run: run.result.seed)),
        )
        for result, group in zip(results, groups, strict=True)
    ]


def _by_seed(runs: Sequence[Run]) -> dict[int, float]:
    values: dict[int, float] = {}
    for run in sorted(runs, key=lambda run: run.result.seed):
        if run.result.seed in values:
            raise DataError(
                f"two runs of {run.result.method!r} with the same settings have the seed "
                f"{run.result.seed}; give each seed once"
            )
        values[run.result.seed] = score_of(run.result)
    return values


def _comparable(one: Result, other: Result) -> bool:
    """Whether two runs have the same metric, evaluated rows and data, but for training rows."""
    split = evaluated_split(one)
    return (
        one.metric == other.metric
        and split == evaluated_split(other)
        and one.rows.get(split) == other.rows.get(split)
        and _without(_labelled(one.config), *LIMITS) == _without(_labelled(other.config), *LIMITS)
        and _mixed([one, other]) is None
    )


def _labelled(config: Mapping[str, Any]) -> dict[str, Any]:
    """The section ``[data]`` without rows without a label and views, which methods differ in."""
    data = _without(config.get("data", {}), "views")
    settings = {key: value for key, value in data.items() if not key.startswith("unlabelled")}
    return {"task": "single-label"} | settings  # older configs did not name the task


def _without(table: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in table.items() if key not in keys}


def _training(result: Result) -> dict[str, Any]:
    """The settings of ``train`` that decide the run's numbers, ``views``, and ``processes``."""
    settings = ExperimentConfig.deciding(result.config).get("train", {})
    length = {"patience": settings.get("patience")} if result.automatic_steps else {}
    told = IN_OTHER_FIELDS | ({"steps"} if length else {"patience"})
    views = {"views": result.config.get("data", {}).get("views", 0)}
    kind = "cpu" if result.device.startswith("cpu") else "gpu"  # which "auto" came to
    more = views | {"processes": result.processes, "device": kind}
    if "momentum" in settings and settings.get("optimizer") != "sgd":  # which alone uses it
        more["momentum"] = TrainConfig().momentum
    return {"label_smoothing": 0.0} | _without(settings, *told) | length | more


def _settings(result: Result) -> str:
    """All settings that decide the run's numbers, but the seed, as one string."""
    config = _without(ExperimentConfig.deciding(result.config), "seed", "train")
    if result.method == BASELINE:  # settings that it does not use cannot separate two of its runs
        config = {"data": _labelled(result.config), "student": config.get("student")}
    unlabelled = result.rows.get("unlabelled")
    parts: list[Any] = [result.method, config, _training(result), unlabelled]
    if unlabelled:
        parts.append(result.config.get("train", {}).get("unlabelled_share"))
    if result.method != BASELINE:
        parts.append(result.beta)
    return _canonical(parts)


def _but_unlabelled(result: Result) -> str:
    """All settings that decide the run's numbers, but rows without a label, steps and the seed."""
    config = _without(ExperimentConfig.deciding(result.config), "seed", "train", "data")
    train = _without(_training(result), "steps", "patience")
    return _canonical([result.method, config, _labelled(result.config), train, result.beta])


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)
