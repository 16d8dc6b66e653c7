"""Encoded batches: every row once, part after part."""

import pytest
import torch
from small_teachers import ImageTeacher, TextTeacher, images, texts

from tutelage.extraction.batching import Budget
from tutelage.extraction.encoding import encode_rows

PARTS = [range(40, 60), range(0, 15), range(15, 40)]


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("teacher", "split"), [(TextTeacher(), texts(60)), (ImageTeacher(), images(60))]
)
def test_part_after_part_and_every_row_once(teacher, split, workers):
    encoded = encode_rows(
        teacher,
        split.rows,
        parts=PARTS,
        budget=Budget(rows=8),
        device=torch.device("cpu"),
        workers=workers,
    )
    with torch.inference_mode():
        batches = list(encoded)
        expected = teacher.encode(
            teacher.collate([teacher.prepare(split.rows[i]) for i in range(60)])
        )
    rows = [int(row) for batch in batches for row in batch.rows]
    assert sorted(rows[:20]) == list(PARTS[0])
    assert sorted(rows[20:35]) == list(PARTS[1])
    assert sorted(rows[35:]) == list(PARTS[2])
    for batch in batches:
        assert len(batch.rows) <= 8
        torch.testing.assert_close(batch.features, expected[batch.rows])


def test_a_halved_batch_stays_halved():
    class Cramped(TextTeacher):
        def encode(self, batch):
            tried.append(len(batch["input_ids"]))
            if tried[-1] > 3:
                raise MemoryError
            return super().encode(batch)

    tried: list[int] = []
    options = {"budget": Budget(rows=12), "device": torch.device("cpu"), "workers": 0}
    list(encode_rows(Cramped(), texts(24).rows, parts=[range(24)], **options))
    assert tried == [12, 6, 3, 3, 3, 3, 3, 3, 3, 3]
