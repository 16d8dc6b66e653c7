"""Computation of an entry's parts by a teacher in this process."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeGuard

import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.cache.key import Dtype
from tutelage.cache.layout import Layout
from tutelage.data.base import Rows, Split
from tutelage.errors import SourceError, first_line, out_of_memory
from tutelage.extraction.batching import Budget, choose_budget
from tutelage.extraction.encoding import Encoded, encode_rows
from tutelage.extraction.settings import ExtractionSettings, compute_dtype
from tutelage.inputs import Cuts
from tutelage.teachers.base import Encoder, Precomputed, Source, checked

__all__ = ["ComputedPart", "PartComputer", "is_encoder", "part_rows", "place"]

_PART_ROWS = {"image": 512, "text": 2048}
"""Rows of a part. Texts are sorted by length inside a part, so larger parts mean less padding."""
_READ_ROWS = 4096
"""Rows of a part of precomputed features."""


@dataclass(frozen=True)
class ComputedPart:
    """Features of one part.

    Attributes:
        part: Its number.
        features: The features of its rows, in their order.
        cuts: How many of its rows were too long for the teacher.
    """

    part: int
    features: Float[Tensor, "rows width"]
    cuts: Cuts


class PartComputer:
    """Computes parts; the teacher is moved to its device when the first is asked for.

    A part depends on the teacher, its rows and the budget alone, and not on who computes it.

    Args:
        source: The teacher.
        split: The rows.
        layout: The parts.
        settings: Batch size, workers and device.

    Attributes:
        computed: Precision and kind of device that compute; empty if nothing is computed.
    """

    def __init__(
        self, source: Source, split: Split, layout: Layout, settings: ExtractionSettings
    ) -> None:
        self.source = source
        self.split = split
        self.layout = layout
        self.settings = settings
        self.device = settings.pick_device()
        precision = str(compute_dtype(self.device, layout.dtype)).removeprefix("torch.")
        self.computed = f"{precision} on {self.device.type}" if is_encoder(source) else ""
        self._encode: Callable[[Sequence[range]], Iterator[Encoded]] | None = None

    def compute(
        self, parts: Sequence[int], *, advance: Callable[[int], None] = lambda rows: None
    ) -> Generator[ComputedPart, None, None]:
        """Yield the features of parts, one after the other.

        Args:
            parts: Their numbers.
            advance: Receives the number of rows of each batch.

        Raises:
            SourceError: If the teacher gives the wrong width, or does not fit in memory.
        """
        if is_encoder(self.source):
            yield from self._encoded(self.source, parts, advance)
        elif _is_precomputed(self.source):
            for part in parts:
                rows = self.layout.part(part)
                features = self.source.read(self.split, rows)
                block = checked(features, rows=len(rows), width=self.layout.width)
                yield ComputedPart(part, block, Cuts())
                advance(len(rows))
        else:
            raise SourceError(f"{type(self.source).__name__} has neither encode() nor read()")

    def _encoded(
        self, source: Encoder, parts: Sequence[int], advance: Callable[[int], None]
    ) -> Generator[ComputedPart, None, None]:
        """Yield each part in the order of its rows; batches are sorted by length."""
        if self._encode is None:
            self._encode = self._start(source)
        encoded = self._encode([self.layout.part(part) for part in parts])
        for part in parts:
            rows = self.layout.part(part)
            block, remaining, cuts = torch.empty(0, self.layout.width), len(rows), Cuts()
            while remaining:
                batch = next(encoded)
                if remaining == len(rows):
                    block = batch.features.new_empty(remaining, self.layout.width)
                block[batch.rows - rows.start] = batch.features
                remaining -= len(batch.rows)
                cuts += batch.cuts
                advance(len(batch.rows))
            yield ComputedPart(part, block, cuts)

    def _start(self, source: Encoder) -> Callable[[Sequence[range]], Iterator[Encoded]]:
        device, rows = self.device, self.split.rows
        budget = place(source, rows, settings=self.settings, device=device, dtype=self.layout.dtype)

        def encode(parts: Sequence[range]) -> Iterator[Encoded]:
            return encode_rows(
                source,
                rows,
                parts=parts,
                budget=budget,
                device=device,
                workers=self.settings.workers,
            )

        return encode


def place(
    source: Encoder, rows: Rows, *, settings: ExtractionSettings, device: torch.device, dtype: Dtype
) -> Budget:
    """Move a teacher to a device, and return the budget of its batches there.

    Args:
        source: The teacher.
        rows: The rows to encode.
        settings: Batch size.
        device: Where it computes.
        dtype: How features are stored, which decides the precision.

    Raises:
        SourceError: If it does not fit in memory.
    """
    try:
        source.to(device, compute_dtype(device, dtype))
        with torch.inference_mode():
            return choose_budget(source, rows, batch_size=settings.batch_size, device=device)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        raise SourceError(
            f"the teacher does not fit in the memory of {device} ({first_line(error)}); end what else "
            "uses it, or choose a smaller teacher or another device"
        ) from error


def part_rows(source: Source) -> int:
    """Return the number of rows of a part, which is what a killed process loses."""
    return _PART_ROWS[source.modality] if is_encoder(source) else _READ_ROWS


def is_encoder(source: Source) -> TypeGuard[Encoder]:
    """Whether a teacher computes its features, rather than reading them."""
    return hasattr(source, "encode")


def _is_precomputed(source: Source) -> TypeGuard[Precomputed]:
    return hasattr(source, "read")
