import pytest

from tutelage.errors import DataError
from tutelage.results.latency import (
    Latency,
    Spread,
    TimedModel,
    Timing,
    read_latency,
    write_latency,
)


def measurement() -> Latency:
    one = Spread(median=2.0, low=1.5, high=2.5)
    timing = Timing(device="cpu", batch_size=4, rounds=3, milliseconds=one, ratio=one)
    model = TimedModel(
        name="student", role="student", parameters=3, bytes=12, flops=6, timings=(timing,)
    )
    return Latency(
        models=(model,), rows="4 rows", counted="products", threads=1, warm_up=2,
        versions={"torch": "2"}, machine="a processor", started="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def test_what_is_written_is_read(tmp_path):
    assert read_latency(tmp_path) is None
    path = write_latency(tmp_path, measurement())
    assert read_latency(tmp_path) == measurement()
    assert measurement().models[0].timings[0].rows_per_second == 500.0
    path.write_text(path.read_text().replace("a processor", "another"))
    with pytest.raises(DataError, match=r"latency.json is not a measurement.*it was changed"):
        read_latency(tmp_path)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([4.0], (4.0, 4.0, 4.0)), ([3.0, 1.0, 2.0], (1.5, 2.0, 2.5)), ([1.0, 2.0], (1.25, 1.5, 1.75))],
)
def test_quartiles(numbers, expected):
    spread = Spread.of(numbers)
    assert (spread.low, spread.median, spread.high) == expected
