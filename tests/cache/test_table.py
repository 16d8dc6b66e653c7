"""Tables of features against plain indexing of whole tensors."""

from pathlib import Path

import pytest
import torch
from small_teachers import ImageTeacher, TextTeacher, images, texts
from torch import Tensor

from tutelage.cache import (
    Features,
    FeatureStore,
    FeatureTable,
    JoinedTable,
    columns,
    concat,
    select,
)
from tutelage.cache import table as table_module
from tutelage.cache.table import as_table, blocks, matrix, total_width
from tutelage.errors import CacheError, ConfigError, DataError
from tutelage.extraction import ExtractionSettings, extract_split

IDS = [f"text/{number}" for number in range(50)]


@pytest.fixture
def features(tmp_path: Path) -> dict[str, Features]:
    store, split = FeatureStore(tmp_path), texts(50)
    return {
        "a": extract_split(TextTeacher(8), split, store=store),
        "b": extract_split(
            TextTeacher(5), split, store=store, settings=ExtractionSettings(dtype="float32")
        ),
    }


@pytest.fixture
def whole(features: dict[str, Features]) -> dict[str, Tensor]:
    return {name: matrix.read(0, 50) for name, matrix in features.items()}


def agrees(table: FeatureTable, expected: dict[str, Tensor]) -> bool:
    """Whether a table holds these matrices, by all rows in order, backwards, and twice each."""
    count = len(next(iter(expected.values())))
    if dict(table.widths) != {name: rows.shape[1] for name, rows in expected.items()}:
        return False
    if len(table) != count:
        return False
    for numbers in (range(count), range(count - 1, -1, -1), [0, 0, count - 1, count - 1], []):
        indices = torch.tensor(list(numbers), dtype=torch.int64)
        batch = table.gather(indices)
        if list(batch) != list(expected):
            return False
        for name, rows in expected.items():
            if batch[name].dtype != rows.dtype or not torch.equal(batch[name], rows[indices]):
                return False
    return True


def test_rows_in_the_cached_order(features: dict[str, Features], whole: dict[str, Tensor]) -> None:
    assert agrees(JoinedTable(features, ids=tuple(features["a"].ids)), whole)


def test_some_rows_in_another_order(
    features: dict[str, Features], whole: dict[str, Tensor]
) -> None:
    chosen = [31, 4, 40, 0, 12]
    table = JoinedTable(features, ids=[features["a"].ids[i] for i in chosen])
    assert agrees(table, {name: rows[chosen] for name, rows in whole.items()})
    for wrong in (5, -1):
        with pytest.raises(IndexError):
            table.gather(torch.tensor([wrong]))


def test_a_row_without_features_is_named(features: dict[str, Features], tmp_path: Path) -> None:
    with pytest.raises(
        CacheError, match=r"'a' has no cached features for the row 'new' and 1 more"
    ):
        JoinedTable(features, ids=["text/3", "new", "newer"])
    pictures = extract_split(ImageTeacher(), images(5), store=FeatureStore(tmp_path))
    with pytest.raises(CacheError, match=r"'b'.*'text/0'.*begin with 'image/0'"):
        JoinedTable({"a": features["a"], "b": pictures}, ids=features["a"].ids)


def test_selected_rows(features: dict[str, Features], whole: dict[str, Tensor]) -> None:
    table, rows = JoinedTable(features, IDS), torch.tensor([9, 2, 2, 48])
    assert agrees(select(table, rows), {name: each[rows] for name, each in whole.items()})
    again = select(select(table, rows), torch.tensor([3, 0]))
    assert agrees(again, {name: each[[48, 9]] for name, each in whole.items()})


def test_concatenated_tables(features: dict[str, Features], whole: dict[str, Tensor]) -> None:
    cuts = [IDS[:7], IDS[7:8], IDS[30:], IDS[8:30]]
    numbers = [*range(7), 7, *range(30, 50), *range(8, 30)]
    table = concat([JoinedTable(features, ids) for ids in cuts])
    assert agrees(table, {name: rows[numbers] for name, rows in whole.items()})
    one = JoinedTable(features, IDS)
    assert concat([one]) is one
    with pytest.raises(CacheError, match="different teachers"):
        concat([one, columns(one, ["a"])])


def test_columns_of_some_teachers(features: dict[str, Features], whole: dict[str, Tensor]) -> None:
    table = JoinedTable(features, IDS)
    assert columns(table) is table
    assert columns(table, ["a", "b"]) is table
    assert agrees(columns(table, ["b"]), {"b": whole["b"]})
    turned = columns(table, ["b", "a"])
    assert agrees(turned, {"b": whole["b"], "a": whole["a"]})
    assert agrees(columns(turned, ["a"]), {"a": whole["a"]})


def test_unknown_teachers_are_named(features: dict[str, Features]) -> None:
    table = JoinedTable({"narrow": features["a"], "wide": features["b"]}, IDS)
    with pytest.raises(
        ConfigError, match=r"no teacher 'wiide'.*'narrow', 'wide'; did you mean 'wi"
    ):
        columns(table, ["wiide"])
    with pytest.raises(ConfigError, match="at least one teacher"):
        columns(table, [])


def test_one_matrix_of_all_teachers(
    features: dict[str, Features], whole: dict[str, Tensor]
) -> None:
    table, some = JoinedTable(features, IDS), torch.tensor([5, 0, 49])
    both = torch.cat([whole["a"].float(), whole["b"]], dim=1)
    assert total_width(table) == 13
    assert torch.equal(matrix(table, some), both[some])
    turned = torch.cat([whole["b"], whole["a"].float()], dim=1)
    assert torch.equal(matrix(columns(table, ["b", "a"]), some), turned[some])
    alone = matrix(columns(table, ["a"]), some)
    assert alone.dtype == torch.float16
    assert torch.equal(alone, whole["a"][some])


def test_blocks_are_all_rows_in_order(
    features: dict[str, Features], whole: dict[str, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_module, "BLOCK_ROWS", 16)
    pieces = list(blocks(JoinedTable({"b": features["b"]}, IDS)))
    assert [rows for rows, _ in pieces] == [
        slice(0, 16),
        slice(16, 32),
        slice(32, 48),
        slice(48, 50),
    ]
    assert torch.equal(torch.cat([block for _, block in pieces]), whole["b"])


@pytest.mark.usefixtures("unchecked")
def test_a_matrix_in_memory_is_a_table() -> None:
    rows = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    table = as_table(rows)
    assert agrees(table, {"features": rows})
    assert as_table(table) is table
    for wrong in (rows.int(), rows[0]):
        with pytest.raises(DataError, match=r"floating-point numbers \[rows, width\], got torch"):
            as_table(wrong)
