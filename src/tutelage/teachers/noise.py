"""A teacher that knows nothing: a row of normal noise for every row of the data."""

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from tutelage.data.base import Split
from tutelage.errors import SourceError

__all__ = ["NoiseSource", "mistakes"]

MOST = 1_000_000


def mistakes(name: str) -> list[str]:
    """Return what is wrong with a number of columns."""
    if name.isascii() and name.isdigit() and 0 < int(name) <= MOST:
        return []
    return [f"noise:{name} needs a number of columns from 1 to {MOST:,}, such as noise:2048"]


class NoiseSource:
    """Features that say nothing of the rows, drawn from N(0, I): how much does a method mind them?

    A row has the same noise in every process and wherever it stands, since its id, its split and the
    seed alone decide it. It differs between rows of equal content.

    Args:
        name: Number of columns.
        seed: Another seed gives other noise.

    Raises:
        SourceError: If the number of columns cannot be one.

    Source:
        Qiu et al. 2024, arXiv 2406.07337, section 5.2: random features beside those of a teacher.
    """

    def __init__(self, name: str, *, seed: int = 0) -> None:
        if wrong := mistakes(name):
            raise SourceError(wrong[0])
        self.width = int(name)
        self.parameters: int | None = 0
        self._seed = seed

    def identity(self) -> Mapping[str, str]:
        """Return number of columns and seed."""
        return {"scheme": "noise", "width": str(self.width), "seed": str(self._seed)}

    def read(self, split: Split, rows: Sequence[int]) -> Float[Tensor, "rows width"]:
        """Return the noise of some rows of a split."""
        origin = split.origin
        noise = np.empty((len(rows), self.width), dtype=np.float32)
        for place, row in enumerate(rows):
            generator = np.random.Generator(
                np.random.Philox(key=self._key(origin.split, split.ids[row]))
            )
            generator.standard_normal(out=noise[place], dtype=np.float32)
        return torch.from_numpy(noise)

    def _key(self, split: str, row_id: str) -> int:
        """A key of 128 bits for each row; lengths keep parts apart."""
        parts = (str(self._seed), split, row_id)
        text = "".join(f"{len(part)}:{part}" for part in parts)
        digest = hashlib.blake2b(text.encode(), digest_size=16).digest()
        return int.from_bytes(digest, "little")
