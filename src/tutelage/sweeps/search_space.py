"""The search space of ``tune``: points, each a few settings on top of a config."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError, did_you_mean
from tutelage.regularizers.catalogue import parse_method
from tutelage.sweeps.folder_names import folder_name, refuse_shared_folders
from tutelage.sweeps.methods import changes_for

__all__ = ["Dimension", "SearchPoint", "SearchSpace", "space_of"]


SECTIONS = {
    **dict.fromkeys(("lr", "patience", "unlabelled_share", "augment"), "train"),
    "head": "student",
    "views": "data",
}
"""The sections of settings; others are of ``[transfer]``."""
USUAL = (("patience", 1.0), ("unlabelled_share", 0.5), ("augment", "none"), ("views", 0))
"""What a name need not say."""


@dataclass(frozen=True)
class SearchPoint:
    """A point to try.

    Attributes:
        method: The method's name.
        settings: Values by name, such as ``beta``; ``SECTIONS`` says where they are set.
        teachers: Names of the teachers; empty for all.
    """

    method: str
    settings: Mapping[str, float | str] = field(default_factory=dict)
    teachers: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A name that serves as a folder's: ``aft-beta-3``."""
        method = self.method.rpartition(":")[2] if ":" in self.method else self.method
        parts = [method, *(_named(*one) for one in self.settings.items() if one not in USUAL)]
        return folder_name("-".join(parts + (["with", *self.teachers] if self.teachers else [])))

    def applied(self, config: ExperimentConfig, *, folder: Path) -> ExperimentConfig:
        """Return a config with these settings, whose output goes to a folder."""
        changes: dict[str, Any] = {"output.dir": folder, **changes_for(config, self.method)}
        for key, value in self.settings.items():
            changes[f"{SECTIONS.get(key, 'transfer')}.{key}"] = value
        if self.teachers:
            names = config.teacher_names
            changes["teachers"] = tuple(
                config.teachers[names.index(teacher)] for teacher in self.teachers
            )
        return config.replace(changes)


def _named(key: str, value: float | str) -> str:
    return f"{key}-{value if isinstance(value, str) else format(value, 'g')}"


@dataclass(frozen=True)
class Dimension:
    """One number that is searched for.

    Attributes:
        name: As in ``SearchPoint.settings``.
        values: To try, or the range between the least and the greatest of them.
        log: Whether the range is drawn from on a log scale.
    """

    name: str
    values: tuple[float, ...]
    log: bool = True


@dataclass(frozen=True)
class SearchSpace:
    """What is searched, method by method.

    Attributes:
        dimensions: By method.
        teachers: Sets of teachers; an empty one stands for all.
    """

    dimensions: Mapping[str, tuple[Dimension, ...]]
    teachers: tuple[tuple[str, ...], ...] = ((),)

    @property
    def points(self) -> list[SearchPoint]:
        """Every combination, in a fixed order: method by method, strong values last."""
        return [
            SearchPoint(method, dict(zip((d.name for d in dimensions), values, strict=True)), names)
            for method, dimensions in self.dimensions.items()
            for names in (self.teachers if parse_method(method).needs_teachers else ((),))
            for values in itertools.product(*(d.values for d in dimensions))
        ]


def space_of(config: ExperimentConfig, methods: Sequence[str] | None = None) -> SearchSpace:
    """Return what a config's ``[tune]`` says to try.

    Args:
        config: The config.
        methods: Names of methods; by default the config's own.

    Raises:
        ConfigError: If there is no such method or teacher, or two points would share a folder.
    """
    names = config.teacher_names
    for name in (name for one in config.tune.teachers for name in one):
        if name not in names:
            raise ConfigError(
                f"tune.teachers names {name!r}, which is no teacher of this config"
                f"{did_you_mean(name, names)} (there are: {', '.join(names)})"
            )
    methods = list(dict.fromkeys(methods or [config.transfer.method]))
    space = SearchSpace(
        {method: _dimensions(config, method) for method in methods}, config.tune.teachers or ((),)
    )
    families = dict.fromkeys((point.method, point.teachers) for point in space.points)
    refuse_shared_folders(PurePath(SearchPoint(m, {}, names).name) for m, names in families)
    return space


def _dimensions(config: ExperimentConfig, name: str) -> tuple[Dimension, ...]:
    method, tune = parse_method(name), config.tune
    found = []
    if method.has_transfer_term:
        found.append(Dimension("beta", tune.beta or method.betas))
    if method.uses_soft_labels:
        found.append(Dimension("mix", tune.mix, log=False))
        if tune.temperature != (config.transfer.temperature,):
            found.append(Dimension("temperature", tune.temperature))
    if tune.lr:
        found.append(Dimension("lr", tune.lr))
    if tune.patience:
        found.append(Dimension("patience", tune.patience))
    return tuple(found)
