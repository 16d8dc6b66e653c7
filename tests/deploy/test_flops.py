import pytest
import torch
from torch import nn

from tutelage.deploy.flops import count_flops


def attention(tokens: int, width: int) -> int:
    """Four projections, then scores and their sum over values."""
    return 2 * (4 * tokens * width * width + 2 * tokens * tokens * width)


@pytest.mark.parametrize(
    ("layer", "rows", "expected"),
    [
        (nn.Linear(8, 5), [(3, 8)], 2 * 3 * 8 * 5),
        (nn.Conv2d(3, 4, 3), [(1, 3, 10, 10)], 2 * 8 * 8 * 4 * 27),
        (nn.Bilinear(8, 6, 5), [(2, 8), (2, 6)], 2 * 2 * 8 * 6 * 5),
        (nn.LSTM(4, 8), [(3, 1, 4)], 3 * 2 * 4 * 8 * (4 + 8)),
        (
            nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
            [(1, 4, 16)],
            attention(4, 16) + 2 * 2 * 4 * 16 * 32,
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_operations_are_counted_by_hand(layer, rows, expected):
    """The last three are fused by PyTorch, which would count nothing of them."""
    layer.eval()
    assert count_flops(lambda: layer(*(torch.zeros(shape) for shape in rows))) == expected


def test_nothing_to_count_is_not_zero():
    assert count_flops(lambda: torch.zeros(3).relu()) is None


def test_the_fast_path_is_restored():
    count_flops(lambda: torch.zeros(1))
    assert torch.backends.mha.get_fastpath_enabled()
