"""The two demos: on texts and on images, each a config, a budget and words for its page."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from tutelage.config import ExperimentConfig, load_config
from tutelage.demo.data import minilm

__all__ = ["IMAGES", "TEXTS", "Demo"]


@dataclass(frozen=True)
class Demo:
    """A demo: its config, what the search for its student may cost, and words for its page.

    Attributes:
        file: Name of its config in this package.
        title: Title of the page.
        teacher: Name of the teacher.
        student: A sentence about the student.
        budget: Runs of the search.
    """

    file: str
    title: str
    teacher: str
    student: str
    budget: str

    def config(self, folder: Path, *, settings: Sequence[str] = ()) -> ExperimentConfig:
        """Return the config of the demo's search.

        Args:
            folder: Folder of the search.
            settings: Other settings, as ``path=value``.

        Raises:
            MissingExtraError: If a package of the demo is not installed.
        """
        text = files("tutelage.demo").joinpath(self.file).read_text(encoding="utf-8")
        if "MINILM" in text:
            text = text.replace("MINILM", minilm().as_posix())
        table = tomllib.loads(text)
        return load_config([table, {"output": {"dir": str(folder)}}], assignments=settings)


TEXTS = Demo(
    file="texts.toml",
    title="The demo: a small text classifier under MiniLM",
    teacher="MiniLM-L6",
    student="The student is a one-layer Transformer encoder of width 64, randomly initialized. A "
    "pre-trained student may do better here without any teacher.",
    budget="18",
)
"""Messages of 20 Newsgroups under all-MiniLM-L6-v2."""

IMAGES = Demo(
    file="images.toml",
    title="The demo: a small image classifier under EfficientNet-Lite0",
    teacher="EfficientNet-Lite0",
    student="The student is a convolutional network of three layers, randomly initialized.",
    budget="24",
)
"""Handwritten digits under the first blocks of EfficientNet-Lite0."""
