"""Parts that are handed over are read as they were given, or not at all."""

import torch

from tutelage.cache import PruneRule
from tutelage.cache.handover import Handover


def test_a_part_is_read_back(tmp_path):
    handover = Handover(tmp_path / "entry")
    assert handover.parts() == set()
    features = torch.randn(5, 3, dtype=torch.float64)
    handover.put(12, features, notes={"cut": 2})
    handover.put(3, features.float().T, notes={})
    assert handover.parts() == {3, 12}
    block, notes = handover.read(12)
    assert block.dtype == torch.float64
    assert torch.equal(block, features)
    assert notes == {"cut": 2}
    assert torch.equal(handover.read(3)[0], features.float().T)
    handover.remove(12)
    assert handover.parts() == {3}
    assert handover.read(12) is None
    handover.clear()
    assert handover.parts() == set()


def test_a_damaged_part_is_none(tmp_path):
    handover = Handover(tmp_path / "entry")
    handover.put(0, torch.ones(2, 2), notes={})
    (path,) = handover.folder.iterdir()
    path.write_bytes(path.read_bytes()[:-3])
    assert handover.read(0) is None


def test_pruning_an_entry_deletes_them(mixed_store):
    entry = next(one for one in mixed_store.entries() if one.status == "unfinished")
    handover = Handover(entry.folder)
    handover.put(0, torch.ones(2, 2), notes={})
    mixed_store.prune(PruneRule(unfinished=True))
    assert handover.parts() == set()
