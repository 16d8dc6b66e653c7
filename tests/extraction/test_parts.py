"""A part does not depend on the parts that are computed with it."""

import sys
from pathlib import Path

import pytest
import torch

from tutelage.cache import FeatureStore
from tutelage.cache.layout import Layout
from tutelage.errors import SourceError
from tutelage.extraction import estimate
from tutelage.extraction.parts import PartComputer, is_encoder, part_rows
from tutelage.extraction.settings import ExtractionSettings

sys.path.insert(0, str(Path(__file__).parents[1] / "cache"))
from small_teachers import ImageTeacher, Table, TextTeacher, split_of, texts


def test_any_order_gives_the_same_parts():
    split, layout = texts(500), Layout.plan(500, 24, dtype="float16", part_rows=128)
    settings = ExtractionSettings(device="cpu")
    rows: list[int] = []
    computer = PartComputer(TextTeacher(), split, layout, settings)
    whole = {done.part: done for done in computer.compute(range(4), advance=rows.append)}
    assert sum(rows) == 500
    again = PartComputer(TextTeacher(), split, layout, settings)
    for some in ([3], [2, 0], [1]):
        for done in again.compute(some):
            assert torch.equal(done.features, whole[done.part].features)
            assert done.cuts == whole[done.part].cuts
    assert whole[3].cuts.rows == len(layout.part(3)) == 116


def test_precomputed_features_are_read_part_by_part():
    table = Table(torch.randn(100, 8))
    layout = Layout.plan(100, 8, dtype="float16", part_rows=40)
    computer = PartComputer(table, split_of(texts(100).rows), layout, ExtractionSettings())
    blocks = {done.part: done.features for done in computer.compute([2, 0])}
    assert torch.equal(blocks[2], table.rows[80:])
    assert torch.equal(blocks[0], table.rows[:40])


def test_kinds_of_teachers():
    table = Table(torch.randn(3, 2))
    assert [is_encoder(one) for one in (TextTeacher(), ImageTeacher(), table)] == [
        True,
        True,
        False,
    ]
    assert [part_rows(one) for one in (TextTeacher(), ImageTeacher(), table)] == [2048, 512, 4096]


class LargeTeacher(TextTeacher):
    """Takes more memory than any machine has."""

    def to(self, device, dtype):
        torch.empty(10**15, device=device)


def test_a_teacher_that_does_not_fit_is_told(tmp_path):
    layout = Layout.plan(10, 24, dtype="float16", part_rows=10)
    settings = ExtractionSettings(device="cpu")
    computer = PartComputer(LargeTeacher(), texts(10), layout, settings)
    with pytest.raises(SourceError, match="the teacher does not fit in the memory of cpu"):
        next(computer.compute([0]))
    with pytest.raises(SourceError, match="the teacher does not fit in the memory of cpu"):
        estimate(LargeTeacher(), texts(10), store=FeatureStore(tmp_path), settings=settings)
