"""The two demos: on texts and on images, each a config and what is tried."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from tutelage.config import ExperimentConfig, load_config
from tutelage.demo.data import minilm
from tutelage.regularizers.catalogue import label_of
from tutelage.sweeps.search_space import SearchPoint

__all__ = ["IMAGES", "TEXTS", "Demo", "DemoMethod"]


@dataclass(frozen=True, eq=False)
class DemoMethod:
    """A method with its settings, and the rows that it learns from.

    Attributes:
        method: Name of the method.
        settings: Its strengths, by name.
        unlabelled: Whether it also learns from rows without a label.
        steps: Training steps; by default those of the demo's config.
    """

    method: str
    settings: Mapping[str, float] = field(default_factory=dict)
    unlabelled: bool = False
    steps: int | None = None

    @property
    def name(self) -> str:
        """A name for its folders."""
        return SearchPoint(self.method, self.settings).name + (
            "-unlabelled" if self.unlabelled else ""
        )

    @property
    def label(self) -> str:
        """A name for people: ``Probe distillation + unlabelled, mix 0.7``."""
        parts = [label_of(self.method) + (" + unlabelled" if self.unlabelled else "")]
        parts += [f"{name} {value:g}" for name, value in self.settings.items()]
        return ", ".join(parts)


@dataclass(frozen=True, eq=False)
class Demo:
    """A demo: its config, what the hold-out chooses from, and words for its page.

    Attributes:
        file: Name of its config in this package.
        title: Title of the page.
        teacher: Name of the teacher.
        student: A sentence about the student.
        tried: What the hold-out chooses from.
    """

    file: str
    title: str
    teacher: str
    student: str
    tried: Sequence[DemoMethod]

    def config(
        self,
        folder: Path,
        way: DemoMethod,
        *,
        seed: int = 0,
        evaluate: str = "test",
        settings: Sequence[str] = (),
    ) -> ExperimentConfig:
        """Return the config of one of the demo's runs.

        Args:
            folder: Folder of the run.
            way: The method with its settings.
            seed: Random seed.
            evaluate: ``"test"`` or ``"holdout"``.
            settings: Other settings, as ``path=value``.

        Raises:
            MissingExtraError: If a package of the demo is not installed.
        """
        text = files("tutelage.demo").joinpath(self.file).read_text(encoding="utf-8")
        if "MINILM" in text:
            text = text.replace("MINILM", minilm().as_posix())
        train = {} if way.unlabelled else {"unlabelled_share": 0.0}
        chosen = {
            "seed": seed,
            "data": {"evaluate": evaluate},
            "transfer": {"method": way.method, **way.settings},
            "train": train if way.steps is None else {**train, "steps": way.steps},
            "output": {"dir": str(folder)},
        }
        return load_config([tomllib.loads(text), chosen], assignments=settings)


TEXTS = Demo(
    file="texts.toml",
    title="The demo: a small text classifier under MiniLM",
    teacher="MiniLM-L6",
    student="The student is a one-layer Transformer encoder of width 128, randomly initialized. A "
    "pre-trained student may do better here without any teacher.",
    tried=(
        *(DemoMethod("aft", {"beta": beta}) for beta in (1.0, 3.0)),
        *(DemoMethod("probe", {"mix": mix}) for mix in (0.7, 0.9)),
        DemoMethod("aft", {"beta": 3.0}, unlabelled=True),
        *(DemoMethod("probe", {"mix": mix}, unlabelled=True) for mix in (0.7, 0.9)),
        DemoMethod("aft+probe", {"beta": 1.0, "mix": 0.9}, unlabelled=True),
    ),
)
"""Messages of 20 Newsgroups under all-MiniLM-L6-v2."""

IMAGES = Demo(
    file="images.toml",
    title="The demo: a small image classifier under EfficientNet-Lite0",
    teacher="EfficientNet-Lite0",
    student="The student is a convolutional network of three layers, randomly initialized.",
    tried=(
        *(DemoMethod("aft", {"beta": beta}) for beta in (1.0, 3.0)),
        *(DemoMethod("probe", {"mix": mix}) for mix in (0.7, 0.9)),
        *(DemoMethod("aft", {"beta": beta}, unlabelled=True) for beta in (3.0,)),
        *(DemoMethod("probe", {"mix": mix}, unlabelled=True) for mix in (0.7, 0.9)),
        DemoMethod("aft+probe", {"beta": 1.0, "mix": 0.9}, unlabelled=True),
    ),
)
"""Handwritten digits under the first blocks of EfficientNet-Lite0."""
