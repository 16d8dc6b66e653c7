"""A student as one function of tensors, which can be exported."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from tutelage.deploy.picture_steps import PictureSteps, resized_in_graph
from tutelage.errors import ConfigError
from tutelage.inputs import ImageInput, ModelInput, PairInput, TextInput
from tutelage.students import Student

__all__ = ["FORMS", "Form", "StudentGraph", "image_of"]

Form = Literal["pixels", "normalized", "picture"]
FORMS: Mapping[Form, str] = {
    "pixels": "uint8 pixels of the student's size, which are normalized inside",
    "normalized": "normalized float32 pixels of the student's size",
    "picture": "one uint8 picture of any size, which is resized, cropped and normalized inside",
}
"""What a graph takes of an image."""


def image_of(reads: ModelInput) -> ImageInput | None:
    """Return the part of an input that reads images."""
    part = reads.image if isinstance(reads, PairInput) else reads
    return part if isinstance(part, ImageInput) else None


class StudentGraph(nn.Module):
    """A student's outputs as a function of its tensors, in the order of their names.

    Args:
        student: Put into evaluation mode; its tap is closed.
        form: What is taken of an image; of no meaning for texts.
        temperature: Logits are divided by it.

    Attributes:
        names: Names of the tensors.
        example: A row of any content.

    Raises:
        ConfigError: If the resizing of pictures is of a kind that cannot be put in a graph.
    """

    def __init__(self, student: Student, *, form: Form, temperature: float = 1.0) -> None:
        super().__init__()
        student.model.eval()
        student.tap.close()
        self.model = student.model
        self.form: Form = form
        self._student = [student]  # its model is registered already
        self._temperature = temperature
        self._steps: PictureSteps | None = None
        reads = image_of(student.input)
        if reads is not None and form == "picture":
            self._steps = PictureSteps.of(reads)
            if self._steps is None:
                raise ConfigError(
                    f"the student's preprocessing ({dict(reads.preparation)}) is more than resizing and a crop "
                    "of the middle, and cannot be put in the graph; choose --input pixels"
                )
        self.example = _row(student.input)
        self.names = tuple(self.batch([self.example]))

    def forward(self, *tensors: Tensor) -> Float[Tensor, "rows outputs"]:
        """Return the logits, or targets in their units."""
        inputs = dict(zip(self.names, tensors, strict=True))
        if self._steps is not None:
            inputs["image"] = resized_in_graph(inputs["image"], self._steps)
        outputs = self._student[0].outputs(inputs)
        return outputs if self._temperature == 1 else outputs / self._temperature

    def batch(self, rows: Sequence[Any]) -> dict[str, Tensor]:
        """Return the tensors of some rows, as the graph takes them; of one row where it takes a picture."""
        reads = self._student[0].input
        batch = dict(reads.collate([reads.prepare(row) for row in rows]))
        image = image_of(reads)
        if image is not None and self.form == "normalized":
            batch |= image.finish(batch)
        if image is not None and self.form == "picture":
            (row,) = rows
            picture = row[0] if isinstance(reads, PairInput) else row
            batch["image"] = _pixels(picture)
        return batch

    def example_batch(self, rows: int = 2) -> dict[str, Tensor]:
        """Return the tensors to trace the graph with; a single row where it takes a picture.

        A text has at least 3 tokens: with 2, exporters take the length of a T5 for fixed.
        """
        return self.batch([self.example] * (1 if self.takes_one_row else rows))

    @property
    def takes_one_row(self) -> bool:
        """Whether a batch is a single row."""
        return self._steps is not None

    @property
    def dynamic(self) -> tuple[dict[int, Any], ...]:
        """The dimensions of each tensor that may differ from call to call, as torch.export takes them."""
        free = torch.export.Dim.DYNAMIC
        if self.takes_one_row:
            return tuple(
                {0: free, 1: free} if name == "image" else {1: free} for name in self.names
            )
        return self._dimensions(rows=free, tokens=free)

    def bounded(self, rows: int) -> tuple[dict[int, Any], ...]:
        """The same with a greatest number of rows, and of tokens the one that the student reads.

        Args:
            rows: The greatest number of rows.
        """
        reads = self._student[0].input
        text = reads.text if isinstance(reads, PairInput) else reads
        dim = torch.export.Dim
        tokens = dim("tokens", min=1, max=text.max_length) if isinstance(text, TextInput) else None
        return self._dimensions(rows=dim("rows", min=1, max=rows), tokens=tokens)

    def _dimensions(self, *, rows: Any, tokens: Any) -> tuple[dict[int, Any], ...]:
        return tuple({0: rows} if name == "image" else {0: rows, 1: tokens} for name in self.names)

    def axes(self, name: str) -> list[str | int]:
        """The names or sizes of a tensor's dimensions."""
        reads = image_of(self._student[0].input)
        rows: str | int = 1 if self.takes_one_row else "rows"
        if name != "image" or reads is None:
            return [rows, "tokens"]
        return ["height", "width", 3] if self.takes_one_row else [rows, 3, *reads.size]


def _pixels(picture: Any) -> Tensor:
    import numpy as np

    return torch.from_numpy(np.array(picture.convert("RGB")))


def _row(reads: ModelInput) -> Any:
    """A row of any content."""
    from PIL import Image

    image = image_of(reads)
    text = ("two short words",)
    if image is None:
        return text
    picture = Image.new("RGB", (image.size[1] + 3, image.size[0] + 5))
    return (picture, text) if isinstance(reads, PairInput) else picture
