"""Ways to train a student: method, strength, learning rate and steps; or what ``--auto`` chose."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tutelage import ExperimentConfig
from tutelage.report.account import title_of
from tutelage.results.choice import Tried

STRENGTHS: Mapping[str, tuple[str, tuple[float, ...]]] = {
    "probe": ("mix", (0.5, 0.9)),
    "aft": ("beta", (1.0, 3.0, 10.0)),
    "kd": ("beta", (0.1, 1.0, 10.0)),
    "rkd": ("beta", (0.3, 1.0, 3.0)),
    "ft": ("beta", (0.03, 0.1, 0.3)),
    "btuning": ("beta", (0.01, 0.1, 1.0)),
}
"""Strengths to choose from, by method."""
PARAMS: Mapping[str, dict[str, Any]] = {"ft": {"epochs": 30}}
"""FT trains an autoencoder of the teachers' features in each run: 30 epochs here, not up to 500."""


@dataclass(frozen=True)
class Cell:
    """A way to train: method and settings, and whether it learns from rows without a label."""

    method: str
    lr: float
    steps: int
    strength: float | None = None
    unlabelled: bool = False
    head: str | None = None
    patience: float | None = None  # instead of steps: a multiple of their automatic number

    @property
    def name(self) -> str:
        """A name that says all settings."""
        strength = (
            "" if self.strength is None else f"-{STRENGTHS[self.method][0]}-{self.strength:g}"
        )
        ends = "-unlabelled" if self.unlabelled else ""
        ends += "" if self.head is None else f"-head-{self.head}"
        length = f"steps-{self.steps}" if self.patience is None else f"patience-{self.patience:g}"
        return f"{self.method}{strength}-lr-{self.lr:g}-{length}{ends}"

    @property
    def words(self) -> str:
        """The settings, for people."""
        letter = {"beta": "β", "mix": "mix"}
        parts = [f"lr {self.lr:g}", f"{self.steps} steps"]
        if self.strength is not None:
            parts.insert(0, f"{letter[STRENGTHS[self.method][0]]} {self.strength:g}")
        return ", ".join(parts)

    def settings(self) -> dict[str, Any]:
        """As paths of the config."""
        changes: dict[str, Any] = {
            "transfer.method": self.method,
            "transfer.params": PARAMS.get(self.method, {}),
            "train.lr": self.lr,
            "train.steps": self.steps,
            "train.unlabelled_share": 0.5 if self.unlabelled else 0.0,
        }
        if self.patience is not None:
            changes |= {"train.steps": "auto", "train.patience": self.patience}
        if self.strength is not None:
            changes[f"transfer.{STRENGTHS[self.method][0]}"] = self.strength
        if self.head is not None:
            changes["student.head"] = self.head
        return changes


@dataclass(frozen=True)
class Found:
    """What ``--auto`` chose, as it stands in its line of the log."""

    name: str
    method: str
    settings: Mapping[str, Any]
    config: ExperimentConfig

    @property
    def words(self) -> str:
        """Method and settings, for people."""
        return title_of(Tried(name=self.name, method=self.method, settings=dict(self.settings)))
