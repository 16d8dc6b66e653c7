"""What a probe reads its rows from."""

import pytest
import torch

from tutelage.cache import ChainedRows, FeatureKey, FeatureStore, TeacherRows
from tutelage.errors import ConfigError
from tutelage.probe import SideBySide, fit_probe


@pytest.fixture
def teachers(tmp_path):
    """Two teachers' features of 60 rows, one in float32, and as tensors."""
    draw = torch.Generator().manual_seed(0)
    tensors = {
        "narrow": torch.randn(60, 3, generator=draw).half(),
        "wide": torch.randn(60, 5, generator=draw).half(),
    }
    ids = [str(number) for number in range(60)]
    store, found = FeatureStore(tmp_path), {}
    for name, features in tensors.items():
        key = FeatureKey({"source": name}, split="train", rows=60, content="0")
        with store.writer(key, ids=ids, width=features.shape[1]) as writer:
            for part in list(writer.missing):
                writer.write(part, features)
            writer.finish()
        found[name] = store.open(key, ids)
    return found, tensors, ids


def test_columns_stand_side_by_side(teachers):
    features, tensors, ids = teachers
    rows = SideBySide(TeacherRows(features, ids))
    some = torch.tensor([5, 0, 59])
    assert (len(rows), rows.width, rows.names) == (60, 8, ("narrow", "wide"))
    assert torch.equal(
        rows.gather(some), torch.cat([tensors["narrow"], tensors["wide"]], dim=1)[some]
    )
    turned = SideBySide(TeacherRows(features, ids), names=["wide", "narrow"])
    assert torch.equal(
        turned.gather(some), torch.cat([tensors["wide"], tensors["narrow"]], dim=1)[some]
    )
    one = SideBySide(TeacherRows(features, ids), names=["wide"])
    assert one.width == 5
    assert torch.equal(one.gather(some), tensors["wide"][some])


def test_all_kinds_of_rows_give_the_same_probe(teachers):
    features, tensors, ids = teachers
    labels = torch.arange(60) % 3
    expected = fit_probe(tensors["wide"], labels, classes=3, c=0.1)
    rows = TeacherRows(features, ids)
    halves = ChainedRows([TeacherRows(features, ids[:20]), TeacherRows(features, ids[20:])])
    for given in (
        features["wide"],
        SideBySide(rows, names=["wide"]),
        SideBySide(halves, names=["wide"]),
    ):
        found = fit_probe(given, labels, classes=3, c=0.1)
        assert torch.equal(found.weight, expected.weight)
        assert torch.equal(found.outputs(given), expected.outputs(tensors["wide"]))


def test_unknown_teachers_are_named(teachers):
    features, _, ids = teachers
    rows = TeacherRows(features, ids)
    with pytest.raises(
        ConfigError, match=r"no teacher 'wiide'.*'narrow', 'wide'; did you mean 'wi"
    ):
        SideBySide(rows, names=["wiide"])
    with pytest.raises(ConfigError, match="at least one teacher"):
        SideBySide(rows, names=[])
