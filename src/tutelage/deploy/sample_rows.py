"""Rows to run models on: of the run's data where it can be read, else invented ones."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from tutelage.config.data import DataConfig
from tutelage.data import Modality, open_data
from tutelage.data.pairs import ImageText
from tutelage.errors import TutelageError, first_line
from tutelage.inputs import ModelInput

__all__ = ["SampleRows", "sample_rows"]

SENTENCE = (
    "The second act drags a little , but the actors are so good , and the pictures so quiet , that "
    "nobody in the audience wanted the evening to end before it did ."
)
"""An invented text of 32 words."""


@dataclass(frozen=True)
class SampleRows:
    """Rows of one modality.

    Attributes:
        rows: The rows, evenly spaced among those evaluated; or one that is repeated.
        typical: The row of median length.
        description: What they are, as part of a sentence.
    """

    rows: tuple[Any, ...]
    typical: Any
    description: str

    def batch(self, size: int) -> list[Any]:
        """Return as many rows; a single one is the typical one. Rows repeat where there are too few."""
        if size == 1:
            return [self.typical]
        return [self.rows[number % len(self.rows)] for number in range(size)]


def sample_rows(
    config: DataConfig, model_input: ModelInput, *, modality: Modality, most: int
) -> SampleRows:
    """Return rows that the run was evaluated on; invented ones where its data cannot be read.

    Args:
        config: The settings of the run's data.
        model_input: The student's input, by which the lengths of texts are judged.
        modality: Modality of the rows.
        most: Number of rows wanted.
    """
    try:
        split = open_data(config)[1].evaluated
        count = min(most, len(split))
        numbers = [place * len(split) // count for place in range(count)]
        rows = tuple(split.rows[number] for number in numbers)
        description = f"{count} of the {len(split):,} {split.name} rows"
    except TutelageError as error:
        rows = (_invented(modality),)
        what = {"image": "a picture of noise", "text": f"a text of {len(SENTENCE.split())} words"}
        named = " and ".join(what[side] for side in modality.split("+"))
        description = f"{named}, since the run's data cannot be read here ({first_line(error)})"
    costs = sorted((model_input.cost(model_input.prepare(row)), n) for n, row in enumerate(rows))
    cost, typical = costs[(len(costs) - 1) // 2]
    if modality != "image":
        description += f"; in a batch of 1 the one of median length, {cost} tokens"
    return SampleRows(rows, rows[typical], description)


def _invented(modality: Modality) -> Any:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    image, text = Image.fromarray(noise), (SENTENCE,)
    if modality == "image+text":
        return ImageText(image, text)
    return image if modality == "image" else text
