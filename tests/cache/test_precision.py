"""Which features a stored precision cannot hold."""

import numpy as np
import pytest
import torch

from tutelage.cache.precision import refuse_loss, rounded_away
from tutelage.errors import PrecisionError

ROWS = 64
NORMAL = torch.randn(ROWS, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def reference(column: torch.Tensor, stored: torch.Tensor) -> float:
    """The rounding error's variance over the column's, by NumPy in float64."""
    exact = column.double().numpy()
    return float(np.var(stored.double().numpy() - exact) / np.var(exact))


@pytest.mark.parametrize(
    ("column", "narrow", "lost"),
    [
        (NORMAL, torch.float16, False),
        (1e4 * NORMAL, torch.float16, False),
        (100 + NORMAL, torch.float16, False),
        (2e3 + NORMAL, torch.float16, True),
        (1000 + 0.1 * NORMAL, torch.float16, True),
        (1e-4 * NORMAL, torch.float16, False),
        (1e-7 * NORMAL, torch.float16, True),
        (1e-9 * NORMAL, torch.float16, True),
        (1e-30 * NORMAL, torch.float32, False),
        (1.7e9 + NORMAL, torch.float32, True),
        (1e3 + NORMAL, torch.float32, False),
        (1e-46 * NORMAL, torch.float32, True),
    ],
)
def test_a_column_is_lost_where_rounding_has_a_hundredth_of_its_variance(column, narrow, lost):
    wide = column if narrow == torch.float32 else column.float()
    stored = wide.to(narrow)
    assert (reference(wide, stored) > 0.01) is lost
    both = torch.stack([NORMAL.to(wide.dtype), wide], dim=1)
    assert rounded_away(both, both.to(narrow)).tolist() == [False, lost]


def test_constant_columns_lose_nothing():
    columns = torch.tensor([0.1, 1000.1, 0.0, 1e-12]).expand(ROWS, 4)
    assert not rounded_away(columns, columns.half()).any()
    jitter = columns * (1 + 1e-7 * NORMAL[:, None].float())
    assert not rounded_away(jitter, jitter.half()).any(), "the teacher's own rounding"


def test_features_of_usual_networks_survive():
    features = torch.randn(ROWS, 300, generator=torch.Generator().manual_seed(1))
    for usual in (features, features.relu(), features.softmax(dim=1), 30 * features + 20):
        refuse_loss(usual, usual.half(), ids=[str(row) for row in range(ROWS)], total=ROWS)


def test_the_message_names_column_range_and_way_out():
    features = torch.stack([NORMAL, 1000 + 0.1 * NORMAL], dim=1).float()
    ids = [str(row) for row in range(ROWS)]
    with pytest.raises(
        PrecisionError,
        match=r"1 of 2 columns do not survive float16: column 1 lies between 999\.\S+ and 1000\.",
    ) as told:
        refuse_loss(features, features.half(), ids=ids, total=ROWS)
    assert "cache.dtype" in str(told.value)
    assert "cache.dtype" not in told.value.reason
    wide = 1e9 + features.double()
    with pytest.raises(PrecisionError, match=r"float32.* write them at another scale"):
        refuse_loss(wide, wide.float(), ids=ids, total=ROWS)
    huge = torch.tensor([[0.0], [1.0], [1e300]], dtype=torch.float64)
    with pytest.raises(PrecisionError, match=r"'2' has a value of 1e\+300.*largest float32"):
        refuse_loss(huge, huge.float(), ids=ids[:3], total=ROWS)


def test_a_short_last_part_is_not_judged():
    """Two rows may be equal up to rounding by chance; all rows of a small entry are judged."""
    close = torch.tensor([[1.0], [1.0001], [1.0002]])
    refuse_loss(close, close.half(), ids=["a", "b", "c"], total=ROWS)
    with pytest.raises(PrecisionError):
        refuse_loss(close, close.half(), ids=["a", "b", "c"], total=3)
