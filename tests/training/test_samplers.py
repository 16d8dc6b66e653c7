"""The order of rows and the seeds of their views, against plain loops."""

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard
from torch.utils.data import DataLoader, Dataset

from tutelage.training.samplers import (
    PairedBatches,
    RowView,
    ShuffledBatches,
    rows_in_order,
    view_seed,
)

Views = list[tuple[int, int]]

ORDER = [[(9, 9), (0, 0), (8, 8)], [(9, 19), (1, 11), (3, 13)]]


def reference(
    rows: int, size: int, *, batches: int, seed: int, first: int, total: int
) -> list[Views]:
    """Every batch from the start, one epoch after the other; shares no code with the library."""
    made: list[Views] = []
    epoch = 0
    while len(made) < batches:
        order = [int(number) for number in np.random.default_rng((seed, epoch)).permutation(rows)]
        while len(order) >= size and len(made) < batches:
            batch, order = order[:size], order[size:]
            made.append(
                [(first + row, first + row + total * (720721 * seed + epoch)) for row in batch]
            )
        epoch += 1
    return made


def shuffled(
    rows: int, size: int, count: int, *, start: int = 0, seed: int = 0
) -> list[list[RowView]]:
    return list(ShuffledBatches(range(rows), size, batches=count, start=start, seed=seed))


def rows_of(batches: list[list[RowView]]) -> list[list[int]]:
    return [[view.row for view in batch] for batch in batches]


@pytest.mark.parametrize(
    ("rows", "size", "count", "seed"),
    [(10, 3, 9, 0), (8, 8, 5, 7), (9, 4, 20, 12345), (5, 1, 11, 1)],
)
def test_a_plain_loop_gives_the_same(rows: int, size: int, count: int, seed: int) -> None:
    expected = reference(rows, size, batches=count, seed=seed, first=0, total=rows)
    for start in range(count):
        assert shuffled(rows, size, count, start=start, seed=seed) == expected[start:]
    sampler = ShuffledBatches(range(rows), size, batches=count, start=4, seed=seed)
    assert len(sampler) == len(list(sampler)) == count - 4


def test_a_plain_loop_gives_the_same_pairs() -> None:
    for start in (0, 5, 29):
        paired = PairedBatches(
            ShuffledBatches(range(7), 4, batches=30, start=start, seed=3, total=50),
            ShuffledBatches(range(7, 50), 10, batches=30, start=start, seed=3),
        )
        labelled = reference(7, 4, batches=30, seed=3, first=0, total=50)
        unlabelled = reference(43, 10, batches=30, seed=3, first=7, total=50)
        both = [a + b for a, b in zip(labelled, unlabelled, strict=True)]
        assert list(paired) == both[start:]
        assert len(paired) == 30 - start
        assert paired.batch_size == 14


def test_the_order_is_the_same_as_ever() -> None:
    """Written down once: another order means that no published number can be repeated."""
    assert shuffled(10, 3, 9, start=2, seed=0)[:2] == ORDER
    assert view_seed(3, rows=100, seed=0, epoch=5) == 503


def test_rows_epochs_and_seeds_have_views_of_their_own() -> None:
    seeds = [
        view_seed(row, rows=7, seed=seed, epoch=epoch)
        for row in range(7)
        for seed in range(5)
        for epoch in range(20)
    ]
    assert len(set(seeds)) == 7 * 5 * 20


def test_labelled_rows_come_as_without_unlabelled_ones() -> None:
    alone = ShuffledBatches(range(10), 4, batches=9, seed=3)
    paired = PairedBatches(
        ShuffledBatches(range(10), 4, batches=9, seed=3, total=17),
        ShuffledBatches(range(10, 17), 3, batches=9, seed=3),
    )
    for batch, labelled in zip(paired, alone, strict=True):
        assert [view.row for view in batch[:4]] == [view.row for view in labelled]
        assert all(10 <= view.row < 17 for view in batch[4:])
        assert len(batch) == 7
    seeds = [view.seed for batch in paired for view in batch]
    assert len(set(seeds)) == len(seeds)


def test_a_labelled_row_meets_other_unlabelled_ones_in_each_epoch() -> None:
    paired = PairedBatches(
        ShuffledBatches(range(20), 1, batches=400, seed=0, total=40),
        ShuffledBatches(range(20, 40), 1, batches=400, seed=0, beside=20),
    )
    met = [(labelled.row, unlabelled.row) for labelled, unlabelled in paired]
    assert max(map(met.count, met)) <= 6  # of 20 epochs


def test_far_more_unlabelled_rows_come_as_ever() -> None:
    order = [list(ShuffledBatches(range(41), 2, batches=9, seed=3, beside=n)) for n in (20, None)]
    assert order[0] == order[1]


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (8, 8), (9, 4)])
def test_an_epoch_has_each_row_at_most_once(rows: int, size: int) -> None:
    an_epoch = rows // size
    batches = rows_of(shuffled(rows, size, 3 * an_epoch))
    assert len(batches) == 3 * an_epoch
    for epoch in range(3):
        seen = [
            row for batch in batches[epoch * an_epoch : (epoch + 1) * an_epoch] for row in batch
        ]
        assert len(seen) == len(set(seen)) == an_epoch * size
        assert set(seen) <= set(range(rows))
    assert batches[:an_epoch] != batches[an_epoch : 2 * an_epoch]


def test_pairs_of_rows_change_from_epoch_to_epoch() -> None:
    together = {
        frozenset((a, b))
        for batch in rows_of(shuffled(12, 4, 60))
        for a in batch
        for b in batch
        if a < b
    }
    assert len(together) == 12 * 11 // 2


def test_seeds_of_runs_differ_and_a_row_has_another_view_in_each_epoch() -> None:
    assert shuffled(10, 3, 9, seed=1) != shuffled(10, 3, 9)
    views = [view for batch in shuffled(8, 4, 6) for view in batch]
    assert len({view.seed for view in views}) == 24
    assert sorted(view.row for view in views) == sorted(list(range(8)) * 3)


def test_rows_in_order() -> None:
    batches = rows_in_order(range(7), 3)
    assert rows_of(batches) == [[0, 1, 2], [3, 4, 5], [6]]
    assert all(view.seed == view.row for batch in batches for view in batch)
    assert rows_in_order([], 3) == []
    assert rows_of(rows_in_order([4, 1, 9], 2)) == [[4, 1], [9]]


class Echo(Dataset[Views]):
    def __getitems__(self, views: list[RowView]) -> list[Views]:
        return [[(view.row, view.seed) for view in views]]


def _first(batch: list[Views]) -> Views:
    return batch[0]


@pytest.mark.parametrize("workers", [0, 2])
def test_a_data_loader_hands_views_on_as_they_are(workers: int) -> None:
    sampler = ShuffledBatches(range(10), 3, batches=7, seed=1)
    loader: DataLoader[Views] = DataLoader(
        Echo(), batch_sampler=sampler, collate_fn=_first, num_workers=workers
    )
    assert list(loader) == list(sampler)


def test_accelerate_shares_whole_batches_among_processes() -> None:
    def sampler() -> PairedBatches:
        return PairedBatches(
            ShuffledBatches(range(10), 4, batches=8, seed=3, total=17),
            ShuffledBatches(range(10, 17), 3, batches=8, seed=3),
        )

    batches = list(sampler())
    for process in range(2):
        shard = BatchSamplerShard(sampler(), num_processes=2, process_index=process)
        assert list(shard) == batches[process::2]
