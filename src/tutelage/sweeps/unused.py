"""Settings that a search or comparison does not use, although they were set."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from tutelage.config import ExperimentConfig, TrainConfig, TransferConfig, TuneConfig
from tutelage.errors import ConfigError
from tutelage.experiment.parts import check_method
from tutelage.experiment.plan import Plan
from tutelage.experiment.unused import unused_settings
from tutelage.regularizers.catalogue import parse_method
from tutelage.students import Student
from tutelage.sweeps.methods import changes_for

__all__ = ["in_all", "runs_kept", "unchosen", "unused_by_all", "unused_by_auto"]

CHOSEN = ("method", "beta", "mix", "memory", "params")
"""Settings of ``[transfer]`` that ``train --auto`` chooses."""
OF_FOLDS = ("folds", "seeds")
"""Settings of ``[tune]`` that ``train --auto`` takes."""


def runs_kept(config: ExperimentConfig) -> list[str]:
    """Return a sentence about ``output.overwrite``: finished runs of a search are read, not replaced."""
    if not config.output.overwrite:
        return []
    return [
        "output.overwrite = True is not used: runs that are finished are kept; to train them again, remove "
        f"{config.output.dir}"
    ]


def unused_by_all(
    plan: Plan, student: Student, methods: Iterable[str], *, asked: ExperimentConfig
) -> list[str]:
    """Return a sentence for each setting that no run uses, whatever its method.

    Args:
        plan: A run of a method that needs teachers, if there is one.
        student: Its student.
        methods: The methods that are run; those that cannot learn from these teachers do not count.
        asked: The settings as the user gave them.
    """
    by_method: list[list[str]] = []
    for name in dict.fromkeys(methods):
        method, config = parse_method(name), plan.config.replace(changes_for(plan.config, name))
        taught = method.needs_teachers
        one = replace(
            plan,
            config=config,
            method=method,
            teachers=plan.teachers if taught else (),
            unlabelled=plan.unlabelled if taught else (),
        )
        with suppress(ConfigError):
            regularizer = check_method(one, student)
            by_method.append(unused_settings(one, regularizer, asked=asked, student=student))
    return in_all(by_method)


def in_all(told: Sequence[Sequence[str]]) -> list[str]:
    """Return the first of several lists of sentences, without settings that another does not name.

    Example:
        >>> in_all([["a.b = 1 is not used: x", "c = 2 is not used: x"], ["c = 2 is not used: y"]])
        ['c = 2 is not used: x']
    """
    first, *others = [{line.partition(" = ")[0]: line for line in lines} for lines in told] or [{}]
    return [line for path, line in first.items() if all(path in other for other in others)]


def unchosen() -> dict[str, Any]:
    """Return the settings of ``[transfer]`` that ``train --auto`` chooses, as they are by default."""
    default = TransferConfig()
    return {f"transfer.{name}": getattr(default, name) for name in CHOSEN}


def unused_by_auto(config: ExperimentConfig) -> list[str]:
    """Return a sentence for each setting that ``train --auto`` chooses itself.

    Args:
        config: As the user gave it.
    """
    given = [
        (
            path,
            default,
            getattr(config.transfer, path.partition(".")[2]),
            "the method and its settings",
        )
        for path, default in unchosen().items()
    ]
    if config.train.unlabelled_share:  # 0 leaves these rows out of the search
        share, own = TrainConfig().unlabelled_share, config.train.unlabelled_share
        given.append(("train.unlabelled_share", share, own, "it"))
    given += [
        (f"tune.{name}", getattr(TuneConfig(), name), getattr(config.tune, name), "what it tries")
        for name in TuneConfig.model_fields
        if name not in OF_FOLDS
    ]
    return [
        f"{path} = {value!r} is not used: --auto chooses {what}"
        for path, default, value, what in given
        if value != default
    ]
