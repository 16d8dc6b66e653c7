"""Made-up features, their key, and writing them to a store."""

import torch

from tutelage.cache import FeatureKey, FeatureStore

WIDTH, ROWS = 6, 1000
IDS = [f"row {i} ü\n" for i in range(ROWS)]


def rows_of(count: int = ROWS) -> torch.Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(0))


def key_of(**changes) -> FeatureKey:
    return FeatureKey(
        {"source": "made here"},
        **({"split": "train", "rows": ROWS, "content": "0", "dtype": "float16"} | changes),
    )


def fill(store: FeatureStore, key: FeatureKey, rows: torch.Tensor) -> None:
    with store.writer(key, ids=IDS, width=WIDTH, part_rows=64) as writer:
        for part in list(writer.missing):
            numbers = writer.layout.part(part)
            writer.write(part, rows[numbers.start : numbers.stop])
        writer.finish()
