"""Parts and files hold every row once, and safetensors reads their headers."""

from pathlib import Path

import pytest
from safetensors import safe_open

from tutelage.cache.layout import PART_BYTES, Layout, read_header
from tutelage.errors import CacheError


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 96, 100])
@pytest.mark.parametrize("shard_bytes", [1, 16 * 12, 40 * 12, 2**30])
def test_every_row_lies_in_one_part_and_one_file(rows: int, shard_bytes: int) -> None:
    layout = Layout.plan(rows, 3, dtype="float32", part_rows=16, shard_bytes=shard_bytes)
    parts = [layout.part(number) for number in range(layout.parts)]
    shards = [layout.shard(number) for number in range(layout.shards)]
    assert [row for part in parts for row in part] == list(range(rows))
    assert [row for shard in shards for row in shard] == list(range(rows))
    for number, shard in enumerate(shards):
        inside = [part for part in range(layout.parts) if layout.shard_of(part) == number]
        assert inside == list(layout.parts_of(number))
        assert [row for part in inside for row in parts[part]] == list(shard)


def test_wide_rows_make_small_parts() -> None:
    layout = Layout.plan(100, PART_BYTES // 8, dtype="float32", part_rows=16)
    assert layout.part_rows == 2
    assert Layout.plan(100, PART_BYTES, dtype="float32", part_rows=16).part_rows == 1


def test_safetensors_reads_the_header(tmp_path: Path) -> None:
    layout = Layout.plan(40, 3, dtype="float16", part_rows=16, shard_bytes=16 * 6)
    for number in range(layout.shards):
        path = tmp_path / layout.name(number)
        header = layout.header(number, key="k")
        size = layout.shard_bytes(number, key="k")
        assert len(header) % 64 == 0
        path.write_bytes(header + bytes(size - len(header)))
        read_header(path, expected=header, size=size)
        with safe_open(path, framework="pt") as file:
            assert file.get_tensor("features").shape == (len(layout.shard(number)), 3)
            assert file.metadata()["first_row"] == str(layout.shard(number).start)


def test_wrong_files_are_named(tmp_path: Path) -> None:
    layout = Layout.plan(4, 3, dtype="float16", part_rows=16)
    header, size = layout.header(0, key="k"), layout.shard_bytes(0, key="k")
    path = tmp_path / "x"
    with pytest.raises(CacheError, match="x cannot be read: No such file"):
        read_header(path, expected=header, size=size)
    path.write_bytes(header)
    with pytest.raises(CacheError, match=f"x has {len(header)} bytes instead of {size}"):
        read_header(path, expected=header, size=size)
    path.write_bytes(layout.header(0, key="j") + bytes(24))
    with pytest.raises(CacheError, match="features of another key"):
        read_header(path, expected=header, size=size)
