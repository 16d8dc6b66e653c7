"""The order of rows: exactly so many batches, each epoch anew, from any start."""

import resource

import pytest

from tutelage.data import read_data
from tutelage.errors import TrainingError
from tutelage.inputs import ImageInput
from tutelage.progress import Silent
from tutelage.training.batches import Endless, prepare_rows


def batches(rows: int, size: int, count: int, *, start: int = 0, seed: int = 0) -> list[list[int]]:
    made = Endless(rows, size, batches=count, start=start, seed=seed)
    return [[number % rows for number in batch] for batch in made]


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (8, 8), (9, 4)])
def test_an_epoch_has_each_row_at_most_once(rows, size):
    an_epoch = rows // size
    made = batches(rows, size, 3 * an_epoch)
    assert len(made) == 3 * an_epoch
    for epoch in range(3):
        seen = [row for batch in made[epoch * an_epoch : (epoch + 1) * an_epoch] for row in batch]
        assert len(seen) == len(set(seen)) == an_epoch * size
        assert set(seen) <= set(range(rows))
    assert made[:an_epoch] != made[an_epoch : 2 * an_epoch]


def test_pairs_of_rows_change_from_epoch_to_epoch():
    together = {
        frozenset((a, b)) for batch in batches(12, 4, 60) for a in batch for b in batch if a < b
    }
    assert len(together) == 12 * 11 // 2


def test_a_row_has_a_number_of_its_own_in_each_epoch():
    numbers = [number for batch in Endless(8, 4, batches=6, seed=0) for number in batch]
    assert len(set(numbers)) == 24
    assert sorted(number % 8 for number in numbers) == sorted(list(range(8)) * 3)


def test_a_full_disk_is_told_before_anything_is_decoded_to_it(digits, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    split = read_data(f"folder:{digits}").splits["train"]
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limit[1]))
    try:
        with pytest.raises(TrainingError, match=rf"no room for 184 kB .* in {tmp_path} .*TMPDIR"):
            prepare_rows(split, ImageInput.from_options(32), keep="disk", progress=Silent())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert list(tmp_path.iterdir()) == []
    kept = prepare_rows(split, ImageInput.from_options(32), keep="disk", progress=Silent())
    assert kept.batch([3, 59], [0, 0])["image"].float().std(dim=(1, 2, 3)).min() > 0


def test_goes_on_from_any_batch_and_seeds_differ():
    whole = batches(10, 3, 9)
    for start in range(9):
        assert batches(10, 3, 9, start=start) == whole[start:]
    assert batches(10, 3, 9, seed=1) != whole
    assert len(Endless(10, 3, batches=9, start=4, seed=0)) == 5
