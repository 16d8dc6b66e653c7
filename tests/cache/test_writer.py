"""What a writer accepts, and the files it makes; interruptions are in test_resume.py."""

import os
import time

import pytest
import torch
from safetensors.torch import load_file
from small_rows import IDS, ROWS, WIDTH, fill, key_of, rows_of

from tutelage.cache import FeatureStore
from tutelage.errors import CacheError, SourceError


def test_files_are_plain_safetensors(store):
    fill(store, key_of(), rows_of())
    files = sorted(store.folder(key_of()).glob("features-*.safetensors"))
    assert len(files) == store.open(key_of())._layout.shards
    found = torch.cat([load_file(path)["features"] for path in files])
    assert torch.equal(found, rows_of().half())


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_rows_that_are_no_numbers_are_refused_by_id(store, value):
    rows = rows_of()
    rows[130, 4] = value
    with pytest.raises(SourceError, match=r"1 of 6 columns for the row 'row 130 ü\\n'"):
        fill(store, key_of(), rows)
    assert store.open(key_of(), IDS) is None
    assert store.entries()[0].reason.startswith("2 of 16 parts")
    fill(store, key_of(), rows_of())
    assert torch.equal(store.open(key_of(), IDS).read(0, ROWS), rows_of().half())


def test_values_beyond_float16_are_refused_with_the_way_out(store):
    rows = rows_of()
    rows[5, 0] = 70000.0
    with pytest.raises(CacheError, match=r"'row 5 ü\\n' has a value of 7e\+04.*float32"):
        fill(store, key_of(), rows)
    fill(store, key_of(dtype="float32"), rows)
    assert store.open(key_of(dtype="float32")).read(5, 6)[0, 0] == 70000.0


def test_wrong_calls_are_refused(store):
    with (
        pytest.raises(CacheError, match="999 ids"),
        store.writer(key_of(), ids=IDS[:-1], width=WIDTH),
    ):
        pass
    with (
        pytest.raises(CacheError, match="0 rows"),
        store.writer(key_of(rows=0), ids=[], width=WIDTH),
    ):
        pass
    with store.writer(key_of(), ids=IDS, width=WIDTH, part_rows=64) as writer:
        with pytest.raises(CacheError, match=r"\(3, 6\) instead of \(64, 6\)"):
            writer.write(0, rows_of(3))
        with pytest.raises(CacheError, match="16 parts"):
            writer.finish()


def test_a_part_costs_the_same_however_many_there_are(tmp_path, monkeypatch):
    """All together grew with the cube of their number: 1,200 took 64 times as long as 300."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)

    def seconds(parts: int) -> float:
        key = key_of(rows=parts)
        ids, row = [str(number) for number in range(parts)], torch.ones(1, 1)
        with FeatureStore(tmp_path).writer(key, ids=ids, width=1, part_rows=1) as writer:
            start = time.process_time()
            for part in list(writer.missing):
                writer.write(part, row)
            return time.process_time() - start

    seconds(20)
    assert seconds(1200) < 16 * seconds(300)
