"""A probe reads matrices and every kind of table alike."""

from pathlib import Path

import torch

from tutelage.cache import FeatureKey, FeatureStore, JoinedTable, columns, concat, select
from tutelage.probes import fit_probe
from tutelage.tasks import SingleLabel


def test_all_tables_give_the_same_probe(tmp_path: Path) -> None:
    draw = torch.Generator().manual_seed(0)
    tensors = {
        "narrow": torch.randn(60, 3, generator=draw).half(),
        "wide": torch.randn(60, 5, generator=draw).half(),
    }
    ids = [str(number) for number in range(60)]
    store, features = FeatureStore(tmp_path), {}
    for name, tensor in tensors.items():
        key = FeatureKey({"source": name}, split="train", rows=60, content="0")
        with store.writer(key, ids=ids, width=tensor.shape[1]) as writer:
            for part in list(writer.missing):
                writer.write(part, tensor)
            writer.finish()
        opened = store.open(key, ids)
        assert opened is not None
        features[name] = opened
    labels = torch.arange(60) % 3
    table = JoinedTable(features, ids)
    halves = concat([JoinedTable(features, ids[:20]), JoinedTable(features, ids[20:])])
    turned = select(JoinedTable(features, ids[::-1]), torch.arange(59, -1, -1))

    expected = fit_probe(tensors["wide"], labels, task=SingleLabel.numbered(3), c=0.1)
    for given in (
        JoinedTable({"wide": features["wide"]}, ids),
        columns(table, ["wide"]),
        columns(halves, ["wide"]),
        columns(turned, ["wide"]),
    ):
        probe = fit_probe(given, labels, task=SingleLabel.numbered(3), c=0.1)
        assert torch.equal(probe.weight, expected.weight)
        assert torch.equal(probe.outputs(given), expected.outputs(tensors["wide"]))

    side_by_side = torch.cat([tensors["narrow"], tensors["wide"]], dim=1)
    expected = fit_probe(side_by_side, labels, task=SingleLabel.numbered(3), c=0.1)
    assert torch.equal(
        fit_probe(table, labels, task=SingleLabel.numbered(3), c=0.1).weight, expected.weight
    )
