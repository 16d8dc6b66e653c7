"""What ``train --auto`` tries, and in which order: the usual settings first."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.config import ExperimentConfig, TrainConfig
from tutelage.data.views import share_with_views
from tutelage.experiment.checks import view_problems
from tutelage.experiment.head_start import Head, is_unknown
from tutelage.experiment.plan import Plan
from tutelage.regularizers.catalogue import BASELINE, parse_method
from tutelage.sweeps.search_space import SearchPoint

__all__ = [
    "METHODS",
    "Space",
    "baselines",
    "changed_inputs",
    "further_baseline",
    "neighbours",
    "other_lengths",
    "taught",
]

METHODS = ("probe", "aft", "aft+probe", "kd+probe", "kd")
"""Methods with teachers; those first that were best most often (experiments/students)."""
RATES = {
    "sgd": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "adam": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
}
"""Learning rates by optimizer; the one in the middle is tried first."""
PATIENCE = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Times the automatic number of steps; the one in the middle is tried first."""
MIX = (0.7, 0.9, 0.5)
SHARES = (0.5, 0.75, 0.0)
AUGMENTS = ("none", "invariant")
VIEWS = 4
"""Augmented views of each row (docs/choosing.md, "Views")."""
MOST_ROWS = 0.5
"""Share of the rows that must have views for them to be worth a try."""


@dataclass(frozen=True)
class Space:
    """What may be varied in a task.

    Attributes:
        rates: Learning rates in ascending order.
        rate: The one that is tried first.
        methods: Methods with teachers.
        unlabelled: Whether there are rows without a label.
        augments: Whether inputs can be augmented.
        views: How many augmented views of each row may be tried; 0 for none.
        pace: Multiplies every patience: the config's own, less where time is short.
        heads: How the student's head may begin, where it is not known whether the student is
            pre-trained; empty where it is known, or given.
        lengthens: Whether ``train.patience`` decides the number of steps; else that is given.
    """

    rates: tuple[float, ...]
    rate: float
    methods: tuple[str, ...]
    unlabelled: bool
    augments: bool
    lengthens: bool
    views: int = 0
    pace: float = 1.0
    heads: tuple[Head, ...] = ()

    @property
    def patience(self) -> tuple[float, ...]:
        """Values of ``train.patience`` in ascending order; empty where the steps are given."""
        return tuple(self.pace * value for value in PATIENCE) if self.lengthens else ()

    def beside(self, setting: str, point: SearchPoint) -> tuple[float, ...]:
        """The learning rate or patience of a point, then the next above, then the next below."""
        at = float(point.settings[setting])
        above = [value for value in self._values(setting) if value > at]
        below = [value for value in self._values(setting) if value < at]
        return (at, *above[:1], *below[-1:])

    def outward(self, setting: str, known: Sequence[float], best: float) -> float | None:
        """The next value beyond those that are known, where the best of these is at an end."""
        values = self._values(setting)
        above = [one for one in values if one > max(known)] if best == max(known) else []
        below = [one for one in values if one < min(known)] if best == min(known) else []
        return next(iter(above[:1] or below[-1:]), None)

    def _values(self, setting: str) -> tuple[float, ...]:
        return {"lr": self.rates, "patience": self.patience}[setting]

    @classmethod
    def of(cls, config: ExperimentConfig, plan: Plan, *, methods: Sequence[str]) -> "Space":
        """Return what may be varied.

        Args:
            config: As the user gave it; a learning rate other than the default is tried first.
            plan: Of a run with teachers, if the config has any.
            methods: Methods with teachers that can be used.
        """
        train, student = config.train, config.student
        images = plan.data.modality != "text"
        unknown = student is not None and student.head == "auto" and is_unknown(student)
        usual = RATES["sgd" if train.optimizer == "sgd" else "adam"]
        first = train.lr if train.lr != TrainConfig().lr else usual[len(usual) // 2]
        return cls(
            rates=tuple(sorted({first, *usual})),
            rate=first,
            methods=tuple(methods),
            unlabelled=bool(plan.unlabelled),
            augments=images and train.augment == "none" and not config.data.views,
            views=VIEWS if _have_views(config, plan) else 0,
            lengthens=train.epochs is None and isinstance(train.steps, str),
            pace=train.patience,
            heads=("random", "probe") if unknown and plan.data.modality != "image+text" else (),
        )


def _have_views(config: ExperimentConfig, plan: Plan) -> bool:
    """Whether views may be tried: most rows have some, and nothing else is asked for."""
    if config.data.views or config.train.augment != "none":
        return False
    return not view_problems(config, taught=True) and share_with_views(plan.training) >= MOST_ROWS


def baselines(space: Space) -> list[SearchPoint]:
    """Standard fine-tuning at the first learning rate and at those beside it, with each head."""
    length: dict[str, float | str] = {"patience": space.pace} if space.lengthens else {}
    heads: list[dict[str, float | str]] = [{"head": head} for head in space.heads] or [{}]
    first = SearchPoint(BASELINE, {"lr": space.rate})
    return [
        SearchPoint(BASELINE, {"lr": rate, **head, **length})
        for rate in sorted(space.beside("lr", first), key=lambda rate: (rate != space.rate, rate))
        for head in heads
    ]


def other_lengths(space: Space, best: SearchPoint) -> list[SearchPoint]:
    """The same for twice and for half as long; nothing where the length is given."""
    if not space.lengthens:
        return []
    return [_changed(best, {"patience": one}) for one in space.beside("patience", best)[1:]]


def further_baseline(
    space: Space, tried: Sequence[SearchPoint], best: SearchPoint, *, setting: str = "lr"
) -> SearchPoint | None:
    """Standard fine-tuning one step outward; None if the best is not at an end.

    Args:
        space: What may be varied.
        tried: Standard fine-tuning, so far.
        best: The best of these.
        setting: ``"lr"`` or ``"patience"``.
    """

    def others(point: SearchPoint) -> dict[str, float | str]:
        return {name: value for name, value in point.settings.items() if name != setting}

    known = [float(p.settings[setting]) for p in tried if others(p) == others(best)]
    outward = space.outward(setting, known, float(best.settings[setting]))
    return None if outward is None else _changed(best, {setting: outward})


def changed_inputs(space: Space, best: SearchPoint) -> list[SearchPoint]:
    """Standard fine-tuning augmented, and with views: twice as long, for there is more to see."""
    longer: dict[str, float | str] = {}
    if space.lengthens:
        longer = {"patience": max(space.beside("patience", best))}
    changes: list[dict[str, float | str]] = []
    if space.augments:
        changes.append({"augment": AUGMENTS[1], **longer})
    if space.views:
        changes.append({"views": space.views, **longer})
    return [_changed(best, one) for one in changes]


def taught(space: Space, best: SearchPoint) -> list[SearchPoint]:
    """Every method with teachers at its usual settings, around the best standard fine-tuning.

    Its rate is kept, and its length where that is shorter than usual: with teachers, and with rows
    that have no label, the automatic length is longer by itself.
    """
    around = best
    if space.lengthens:
        shorter = min(space.pace, float(best.settings["patience"]))
        around = _changed(best, {"patience": shorter})
    return [
        SearchPoint(
            method,
            {
                name: values[0]
                for name, values in _choices(space, method, best, around=around).items()
            },
        )
        for method in space.methods
    ]


def neighbours(
    space: Space, point: SearchPoint, best: SearchPoint, *, rates: Mapping[float, float]
) -> list[SearchPoint]:
    """The same method, changed in one setting: rate and length by a step, others as is most usual.

    Args:
        space: What may be varied.
        point: What is changed.
        best: The best standard fine-tuning.
        rates: Scores of standard fine-tuning by learning rate; the better of two comes first.
    """
    choices = _choices(space, point.method, best, around=point)
    choices["lr"] = sorted(choices["lr"], key=lambda rate: rates.get(rate, -math.inf), reverse=True)
    others = [
        [_changed(point, {name: value}) for value in values if value != point.settings[name]]
        for name, values in choices.items()
    ]
    return [one for one in _in_turn(others) if _is_possible(one)]


def _choices(
    space: Space, name: str, best: SearchPoint, *, around: SearchPoint
) -> dict[str, Sequence[Any]]:
    """The values of each setting of a method, the usual first; rates and lengths beside a point's."""
    method = parse_method(name)
    choices: dict[str, Sequence[Any]] = {"lr": space.beside("lr", around)}
    if head := best.settings.get("head"):
        choices["head"] = (head,)
    if space.lengthens:
        choices["patience"] = space.beside("patience", around)
    if method.has_transfer_term:
        weak, usual, *strong = method.betas
        choices["beta"] = (
            (weak, usual, *strong) if method.uses_soft_labels else (usual, weak, *strong)
        )
    if method.uses_soft_labels:
        choices["mix"] = MIX
    if space.unlabelled:
        choices["unlabelled_share"] = SHARES
    if space.augments:
        helps = best.settings.get("augment", AUGMENTS[0])
        choices["augment"] = sorted(AUGMENTS, key=lambda augment: augment != helps)
    if seen := best.settings.get("views"):
        choices["views"] = (seen, 0)  # else teachers would work for what did not help
    return choices


def _is_possible(point: SearchPoint) -> bool:
    """Whether an input is changed in one way at most."""
    return not point.settings.get("views") or point.settings.get("augment", "none") == "none"


def _in_turn(queues: Sequence[Sequence[SearchPoint]]) -> list[SearchPoint]:
    turns = itertools.zip_longest(*queues)
    return [point for turn in turns for point in turn if point is not None]


def _changed(point: SearchPoint, changes: Mapping[str, float | str]) -> SearchPoint:
    return SearchPoint(point.method, {**point.settings, **changes}, point.teachers)
