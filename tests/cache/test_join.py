"""Rows of several teachers, by id."""

import pytest
import torch
from small_teachers import ImageTeacher, TextTeacher, images, texts

from tutelage.cache import FeatureStore, TeacherRows
from tutelage.errors import CacheError
from tutelage.extraction import extract


@pytest.fixture
def features(tmp_path):
    store, split = FeatureStore(tmp_path), texts(50)
    return {
        "a": extract(TextTeacher(8), split, store=store),
        "b": extract(TextTeacher(5), split, store=store),
    }


def test_same_order_needs_no_matching(features):
    rows = TeacherRows(features, ids=tuple(features["a"].ids))
    found = rows.gather(torch.tensor([49, 0, 7]))
    assert rows.widths == {"a": 8, "b": 5}
    assert len(rows) == 50
    for name, one in features.items():
        assert torch.equal(found[name], one.read(0, 50)[[49, 0, 7]])


def test_some_rows_in_another_order(features):
    chosen = [31, 4, 40, 0, 12]
    rows = TeacherRows(features, ids=[features["a"].ids[i] for i in chosen])
    found = rows.gather(torch.tensor([1, 1, 4]))
    for name, one in features.items():
        for place, number in enumerate((4, 4, 12)):
            assert torch.equal(found[name][place], one.read(number, number + 1)[0])
    with pytest.raises(IndexError):
        rows.gather(torch.tensor([5]))


def test_a_row_without_features_is_named(features, tmp_path):
    with pytest.raises(
        CacheError, match=r"'a' has no cached features for the row 'new' and 1 more"
    ):
        TeacherRows(features, ids=["text/3", "new", "newer"])
    pictures = extract(ImageTeacher(), images(5), store=FeatureStore(tmp_path))
    with pytest.raises(CacheError, match=r"'b'.*'text/0'.*begin with 'image/0'"):
        TeacherRows({"a": features["a"], "b": pictures}, ids=features["a"].ids)
