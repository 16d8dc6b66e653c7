"""The manifest, ids and statistics of an entry, written and read back."""

import json
from pathlib import Path

import pytest
import torch

from tutelage.cache.layout import Layout
from tutelage.cache.manifest import (
    FileRecord,
    Manifest,
    id_lines,
    lines_digest,
    read_ids,
    read_statistics,
    write_statistics,
)
from tutelage.cache.statistics import RowCounts, RunningMoments
from tutelage.errors import CacheError
from tutelage.files import digest_of

MANIFEST = Manifest(
    key="k",
    layout=Layout(rows=4, width=3, dtype="float16", part_rows=2, shard_rows=4),
    files=(FileRecord("a", 3, "d"), FileRecord("b", 4, "e")),
    computed="float32 on cpu",
)


@pytest.mark.parametrize("source", ["", "hf:bert"])
def test_a_manifest_is_read_back(tmp_path: Path, source: str) -> None:
    manifest = Manifest(**(vars(MANIFEST) | {"source": source}))
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    assert manifest.bytes == 7
    assert manifest.record("b").digest == "e"
    content = json.loads((tmp_path / "manifest.json").read_text())
    assert content.get("source", "") == source
    assert ("source" in content) == bool(source)


def test_a_changed_manifest_is_refused(tmp_path: Path) -> None:
    MANIFEST.write(tmp_path)
    path = tmp_path / "manifest.json"
    good = path.read_text()
    path.write_text(good.replace("float32 on cpu", "float16 on cpu"))
    with pytest.raises(CacheError, match="does not match its digest"):
        Manifest.read(tmp_path)
    for content in (good[:50], "[]", "{}"):
        path.write_text(content)
        with pytest.raises(CacheError, match=r"manifest\.json is damaged"):
            Manifest.read(tmp_path)


@pytest.mark.parametrize("count", [0, 1, 4096, 4097, 10_000])
def test_ids_are_lines_of_json(tmp_path: Path, count: int) -> None:
    ids = [f'row {number} ü \n"' for number in range(count)]
    content = b"".join(id_lines(ids))
    assert content == b"".join(json.dumps(i, ensure_ascii=False).encode() + b"\n" for i in ids)
    assert lines_digest(ids) == digest_of(content)
    (tmp_path / "ids.jsonl").write_bytes(content)
    assert read_ids(tmp_path) == ids


def test_statistics_are_read_back(tmp_path: Path) -> None:
    moments = RunningMoments(2)
    moments.update(torch.tensor([[1.0, 2.0], [3.0, 2.0]]))
    counts = RowCounts(zero=2, first_zero=5, repeated=0)
    write_statistics(tmp_path, moments, counts)
    mean, std, found = read_statistics(tmp_path, width=2)
    assert found == counts
    assert (mean.tolist(), std.tolist()) == ([2.0, 2.0], [1.0, 0.0])
    with pytest.raises(CacheError, match=r"has \(2,\) columns instead of 3"):
        read_statistics(tmp_path, width=3)
    (tmp_path / "statistics.safetensors").write_bytes(b"x")
    with pytest.raises(CacheError, match=r"statistics\.safetensors is damaged"):
        read_statistics(tmp_path, width=2)
