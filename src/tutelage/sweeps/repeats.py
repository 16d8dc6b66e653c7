"""Repeated runs on held-out rows: other folds, other seeds."""

from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from tutelage.config import DataConfig, ExperimentConfig, TuneConfig
from tutelage.errors import ConfigError

__all__ = ["Repeat", "refuse_holdout", "repeats_of"]


@dataclass(frozen=True)
class Repeat:
    """One of several runs with the same settings, scored on rows that it is not trained on.

    Attributes:
        seed: Added to the config's seed.
        fold: The fold that is held out; None where there are no folds.
        place: The folder of the run below that of its settings.
    """

    seed: int
    fold: int | None
    place: PurePath

    def applied(self, config: ExperimentConfig, *, folds: int | None) -> ExperimentConfig:
        """Return the config of this run, which keeps no examples of its rows: nobody reads its page.

        Args:
            config: What is trained.
            folds: Number of folds; None for the config's own hold-out.
        """
        changes: dict[str, Any] = {"data.evaluate": "holdout", "seed": config.seed + self.seed}
        changes["output.examples"] = 0
        if self.fold is not None:
            changes |= {"data.folds": folds, "data.fold": self.fold}
        return config.replace(changes)


def repeats_of(tune: TuneConfig) -> list[Repeat]:
    """Return the runs of each point of a search: fold by fold, and with each seed.

    Example:
        >>> [str(one.place) for one in repeats_of(TuneConfig(folds=2))]
        ['fold-0', 'fold-1']
    """
    return [
        Repeat(seed, fold, PurePath(*_folder("fold", fold), *_folder("seed", named)))
        for fold in ([None] if tune.folds is None else range(tune.folds))
        for seed in range(tune.seeds)
        for named in [seed if tune.seeds > 1 else None]
    ]


def refuse_holdout(data: DataConfig, *, advice: str) -> None:
    """Refuse final runs on the rows that chose their settings.

    Args:
        data: The settings of the data.
        advice: What to do.

    Raises:
        ConfigError: If ``evaluate`` is ``"holdout"``.
    """
    if data.evaluate == "holdout":
        raise ConfigError(
            f"data.evaluate = 'holdout' would report the rows that settings are chosen by; {advice}"
        )


def _folder(name: str, number: int | None) -> list[str]:
    return [] if number is None else [f"{name}-{number}"]
