"""What ``train --auto`` tries, and in which order: the usual settings first."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tutelage.config import ExperimentConfig, TrainConfig
from tutelage.experiment.head_start import Head, is_unknown
from tutelage.experiment.plan import Plan
from tutelage.regularizers.catalogue import BASELINE, parse_method
from tutelage.sweeps.search_space import SearchPoint

__all__ = [
    "METHODS",
    "Space",
    "baselines",
    "further_baseline",
    "longer_baselines",
    "neighbours",
    "taught",
]

METHODS = ("probe", "aft", "aft+probe", "kd+probe", "kd")
"""Methods with teachers; those first that were best most often (experiments/students)."""
RATES = {
    "sgd": (3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1),
    "adam": (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2),
}
"""Learning rates by optimizer; the one in the middle is tried first."""
PATIENCE = (1.0, 2.0, 4.0)
MIX = (0.7, 0.9, 0.5)
SHARES = (0.5, 0.75, 0.0)
VIEWS = ("none", "invariant")


@dataclass(frozen=True)
class Space:
    """What may be varied in a task.

    Attributes:
        rates: Learning rates in ascending order.
        rate: The one that is tried first.
        methods: Methods with teachers.
        unlabelled: Whether there are rows without a label.
        augments: Whether inputs can be augmented.
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
    pace: float = 1.0
    heads: tuple[Head, ...] = ()

    @property
    def patience(self) -> tuple[float, ...]:
        """Values of ``train.patience``, the usual first; empty where the steps are given."""
        return tuple(self.pace * value for value in PATIENCE) if self.lengthens else ()

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
            lengthens=train.epochs is None and isinstance(train.steps, str),
            pace=train.patience,
            heads=("random", "probe") if unknown and plan.data.modality != "image+text" else (),
        )


def baselines(space: Space) -> list[SearchPoint]:
    """Standard fine-tuning at the first learning rate and at those beside it, with each head."""
    place = space.rates.index(space.rate)
    around = space.rates[max(0, place - 1) : place + 2]
    heads: list[dict[str, float | str]] = [{"head": head} for head in space.heads] or [{}]
    length: dict[str, float | str] = {} if space.pace == 1 else {"patience": space.pace}
    return [
        SearchPoint(BASELINE, {"lr": rate, **head, **length})
        for rate in sorted(around, key=lambda rate: rate != space.rate)
        for head in heads
    ]


def further_baseline(
    space: Space, tried: Sequence[SearchPoint], best: SearchPoint
) -> SearchPoint | None:
    """Standard fine-tuning at the next learning rate outward; None if the best is not at an end.

    Args:
        space: What may be varied.
        tried: Standard fine-tuning, so far.
        best: The best of these.
    """
    head = best.settings.get("head")
    known = sorted(float(p.settings["lr"]) for p in tried if p.settings.get("head") == head)
    rate = float(best.settings["lr"])
    above = [one for one in space.rates if one > known[-1]] if rate == known[-1] else []
    below = [one for one in space.rates if one < known[0]] if rate == known[0] else []
    outward = above[:1] or below[-1:]
    return _changed(best, {"lr": outward[0]}) if outward else None


def longer_baselines(space: Space, best: SearchPoint) -> list[SearchPoint]:
    """Standard fine-tuning for longer, and augmented, at the learning rate that was best."""
    longer: dict[str, float | str] = {"patience": space.patience[1]} if space.lengthens else {}
    changes = [longer] if longer else []
    if space.augments:
        changes.append({"augment": VIEWS[1], **longer})
    return [_changed(best, one) for one in changes]


def taught(space: Space, best: SearchPoint) -> list[SearchPoint]:
    """Every method with teachers, around the best standard fine-tuning.

    First each method's usual settings, then each changed in one of them, then in two, and so on; in
    turn among methods.

    Args:
        space: What may be varied.
        best: The best standard fine-tuning.
    """
    rounds: dict[int, list[list[SearchPoint]]] = {}
    for method in space.methods:
        found = _by_distance(method, _choices(space, method, best))
        for distance, points in itertools.groupby(found, key=lambda one: one[0]):
            rounds.setdefault(distance, []).append([point for _, point in points])
    return [point for distance in sorted(rounds) for point in _in_turn(rounds[distance])]


def neighbours(space: Space, point: SearchPoint, best: SearchPoint) -> list[SearchPoint]:
    """The same method, changed in one setting; first each to its most usual other value.

    Args:
        space: What may be varied.
        point: What is changed.
        best: The best standard fine-tuning.
    """
    others = [
        [_changed(point, {name: value}) for value in values if value != point.settings[name]]
        for name, values in _choices(space, point.method, best).items()
    ]
    return _in_turn(others)


def _choices(space: Space, name: str, best: SearchPoint) -> dict[str, Sequence[Any]]:
    """The values of each setting of a method, the usual first."""
    method, place = parse_method(name), space.rates.index(float(best.settings["lr"]))
    above, below = space.rates[place + 1 : place + 2], space.rates[max(0, place - 1) : place]
    choices: dict[str, Sequence[Any]] = {"lr": (space.rates[place], *above, *below)}
    if head := best.settings.get("head"):
        choices["head"] = (head,)
    if space.lengthens:
        choices["patience"] = space.patience
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
        helps = best.settings.get("augment", VIEWS[0])
        choices["augment"] = sorted(VIEWS, key=lambda view: view != helps)
    return choices


def _by_distance(
    method: str, choices: Mapping[str, Sequence[Any]]
) -> Iterator[tuple[int, SearchPoint]]:
    """All combinations by the sum of their places in the lists of values."""
    places = itertools.product(*(range(len(values)) for values in choices.values()))
    for some in sorted(places, key=lambda some: (sum(some), [-place for place in some])):
        values = {name: choices[name][place] for name, place in zip(choices, some, strict=True)}
        yield sum(some), SearchPoint(method, values)


def _in_turn(queues: Sequence[Sequence[SearchPoint]]) -> list[SearchPoint]:
    turns = itertools.zip_longest(*queues)
    return [point for turn in turns for point in turn if point is not None]


def _changed(point: SearchPoint, changes: Mapping[str, float | str]) -> SearchPoint:
    return SearchPoint(point.method, {**point.settings, **changes}, point.teachers)
