"""Features computed elsewhere: matched by id, else by place in the data."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.numpy import save_file

from tutelage.config import DataConfig
from tutelage.data import Data, Split, choose_splits
from tutelage.data.texts import TextColumns
from tutelage.errors import SourceError
from tutelage.teachers import open_teacher

ROWS = 40
MATRIX = np.random.default_rng(0).normal(size=(ROWS, 5)).astype(np.float32)


def split_of(rows=ROWS, *, name="train", prefix="r") -> Split:
    texts = TextColumns((pa.chunked_array([[f"text {i}" for i in range(rows)]]),), range(rows))
    labels = torch.arange(rows) % 2
    return Split(name, texts, [f"{prefix}{i}" for i in range(rows)], labels)


def opened(path, **params):
    return open_teacher(f"features:{path}", modality="text", params=params)


def save_parquet(path, ids, matrix=MATRIX, **columns):
    lists = pa.array(list(matrix), type=pa.list_(pa.float32()))
    parquet.write_table(pa.table({"id": ids, "features": lists, **columns}), path, row_group_size=7)


def save(path, matrix):
    if path.suffix == ".npy":
        np.save(path, matrix)
    elif path.suffix == ".safetensors":
        save_file({"features": matrix}, path)
    else:
        parquet.write_table(pa.table({"features": list(matrix)}), path)


@pytest.mark.parametrize("ending", ["npy", "safetensors", "parquet"])
def test_without_ids_by_place_in_the_data(ending, tmp_path):
    save(tmp_path / f"x_train.{ending}", MATRIX)
    teacher = opened(tmp_path / f"x_{{split}}.{ending}")
    assert teacher.width == 5
    split = split_of()
    rows = teacher.read(split, [3, 0, 39])
    assert rows.dtype == torch.float32
    assert torch.equal(rows, torch.from_numpy(MATRIX[[3, 0, 39]]))
    # A selection of the data's rows finds its own rows, not the first ones.
    part = split.select([30, 4, 17]).select([2, 0], name="holdout")
    assert torch.equal(teacher.read(part, range(2)), torch.from_numpy(MATRIX[[17, 30]]))


def test_rows_that_a_run_selects(tmp_path):
    np.save(tmp_path / "x_train.npy", MATRIX)
    teacher = opened(tmp_path / "x_{split}.npy")
    splits = choose_splits(
        Data({"train": split_of()}, ("a", "b"), "text"), DataConfig(source="", limit=20)
    )
    pool = splits.extracted
    found = teacher.read(pool, range(len(pool)))
    expected = MATRIX[[int(name[1:]) for name in pool.ids]]
    assert len(pool) == 20
    assert torch.equal(found, torch.from_numpy(expected))


@pytest.mark.parametrize("kind", ["list", "fixed", "large", "double"])
def test_with_ids_in_any_order(kind, tmp_path):
    order = np.random.default_rng(1).permutation(ROWS)
    types = {
        "list": pa.list_(pa.float32()),
        "fixed": pa.list_(pa.float32(), 5),
        "large": pa.large_list(pa.float32()),
        "double": pa.list_(pa.float64()),
    }
    table = pa.table(
        {
            "id": [f"r{i}" for i in order],
            "features": pa.array([list(MATRIX[i]) for i in order], type=types[kind]),
        }
    )
    parquet.write_table(table, tmp_path / "x.parquet", row_group_size=9)
    teacher = opened(tmp_path / "x.parquet")
    rows = [5, 1, 38]
    assert torch.equal(teacher.read(split_of(), rows), torch.from_numpy(MATRIX[rows]))


def test_numbers_are_ids_too(tmp_path):
    save_parquet(tmp_path / "x.parquet", list(range(ROWS)))
    teacher = opened(tmp_path / "x.parquet")
    split = split_of(prefix="")
    assert torch.equal(teacher.read(split, [7]), torch.from_numpy(MATRIX[[7]]))


def test_other_names(tmp_path):
    lists = list(MATRIX)
    parquet.write_table(
        pa.table({"key": [f"r{i}" for i in range(ROWS)], "vector": lists}), tmp_path / "x.parquet"
    )
    teacher = opened(tmp_path / "x.parquet", column="vector", id="key")
    assert torch.equal(teacher.read(split_of(), [7]), torch.from_numpy(MATRIX[[7]]))
    save_file({"a": MATRIX, "b": MATRIX[:, :2].copy()}, tmp_path / "x_train.safetensors")
    assert opened(tmp_path / "x_{split}.safetensors", column="b").width == 2


def test_mapped_files_are_not_read_into_memory(tmp_path):
    large = np.lib.format.open_memmap(
        tmp_path / "x_train.npy", mode="w+", dtype=np.float32, shape=(200_000, 512)
    )  # 400 MB, of which the disk holds next to nothing
    large[123_456] = 7
    large.flush()
    del large
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    teacher = opened(tmp_path / "x_{split}.npy")
    rows = teacher.read(split_of(200_000), [123_456, 5])
    assert rows[:, 0].tolist() == [7, 0]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 250_000  # kB


def test_identity_is_the_content(tmp_path):
    for name in ("a_train", "b_train", "c_train"):
        np.save(tmp_path / f"{name}.npy", MATRIX + (name == "c_train"))
    a, b, c = (opened(tmp_path / f"{name}_{{split}}.npy").identity() for name in "abc")
    assert a == b != c


def test_identity_covers_the_columns_that_rows_are_matched_by(tmp_path):
    """Else the cache gives the features that another column of ids had matched."""
    ids = [f"r{i}" for i in range(ROWS)]
    save_parquet(tmp_path / "x.parquet", ids, key=ids[::-1], fold=["train"] * ROWS)
    usual, by_key, by_fold = (
        opened(tmp_path / "x.parquet", **params)
        for params in ({}, {"id": "key"}, {"split": "fold"})
    )
    assert not torch.equal(usual.read(split_of(), [0]), by_key.read(split_of(), [0]))
    assert len({str(one.identity()) for one in (usual, by_key, by_fold)}) == 3
    assert usual.identity() == opened(tmp_path / "x.parquet", id="id", split="split").identity()


def test_mistakes_are_named(tmp_path):
    def refuse(message, path, split=None, **params):
        with pytest.raises(SourceError, match=message):
            opened(tmp_path / path, **params).read(split or split_of(), [0, 1])

    refuse("there is no file of features", "none.npy")
    (tmp_path / "x.csv").write_text("1,2")
    refuse("known endings: .npy, .safetensors, .parquet", "x.csv")
    np.save(tmp_path / "x_train.npy", MATRIX)
    refuse(r"has no ids.*one file a split, as in features:emb_\{split\}.npy", "x_train.npy")
    refuse("has 40 rows, but the train split has 41", "x_{split}.npy", split_of(41))
    np.save(tmp_path / "flat.npy", MATRIX[0])
    refuse(r"shape \(5,\); expected \[rows, columns\]", "flat.npy")
    np.save(tmp_path / "words.npy", np.array([["a"]]))
    refuse("not numbers", "words.npy")
    np.save(tmp_path / "code.npy", np.array([[{}]]), allow_pickle=True)
    refuse("cannot be read", "code.npy")
    (tmp_path / "text.npy").write_text("no array")
    refuse("cannot be read: it is no npy file of plain numbers", "text.npy")
    (tmp_path / "cut.npy").write_bytes((tmp_path / "x_train.npy").read_bytes()[:300])
    refuse("cannot be read", "cut.npy")
    (tmp_path / "bad.parquet").write_text("no")
    refuse("cannot be read", "bad.parquet")
    save_parquet(tmp_path / "some.parquet", [f"r{i}" for i in range(1, 1 + ROWS)])
    refuse(r"no features for the row 'r0' of the train split \(1 of 40 rows", "some.parquet")
    save_parquet(tmp_path / "twice.parquet", ["r0", *(f"r{i}" for i in range(ROWS - 1))])
    refuse("the id 'r0' twice", "twice.parquet")
    refuse("no column 'feature'; did you mean 'features'", "twice.parquet", column="feature")
    parquet.write_table(
        pa.table({"id": ["r0", "r1"], "features": [[1.0], [1.0, 2.0]]}), tmp_path / "r.parquet"
    )
    refuse("lists of different lengths", "r.parquet")
    parquet.write_table(
        pa.table({"id": ["r0", "r1"], "features": [[1.0], None]}), tmp_path / "n.parquet"
    )
    refuse("rows without features", "n.parquet")
    parquet.write_table(pa.table({"id": ["r0"], "features": ["text"]}), tmp_path / "t.parquet")
    refuse("not lists of numbers", "t.parquet")
    save_file({"a": MATRIX, "b": MATRIX}, tmp_path / "two.safetensors")
    refuse("has no tensor 'features'; it has: a, b", "two.safetensors")


@pytest.mark.parametrize("ending", ["npy", "safetensors", "parquet"])
@pytest.mark.parametrize(
    ("kind", "kept"),
    [
        (np.float64, torch.float64),
        (np.int64, torch.float64),
        (np.float32, torch.float32),
        (np.float16, torch.float32),
    ],
)
def test_numbers_come_as_precise_as_they_are_stored(ending, kind, kept, tmp_path):
    if (ending, kind) == ("parquet", np.float16):
        pytest.skip("parquet has no half precision")
    offset = 2**40 if kept == torch.float64 else 0
    matrix = (MATRIX * 8).astype(kind) + kind(offset)
    save(tmp_path / f"x_train.{ending}", matrix)
    rows = opened(tmp_path / f"x_{{split}}.{ending}").read(split_of(), [3, 39])
    assert rows.dtype == kept
    assert torch.equal(rows.double(), torch.from_numpy(matrix[[3, 39]].astype(np.float64)))


POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{64 * 'a'}\nsize 146946961\n"


@pytest.mark.parametrize("ending", ["npy", "safetensors", "parquet"])
@pytest.mark.parametrize(
    ("content", "says"), [("", "it is empty"), (POINTER, "it is a Git LFS pointer")]
)
def test_what_stands_in_place_of_features_is_named(ending, content, says, tmp_path):
    """InertExpert2911/Mutual_Fund_Data#1, netenglabs/suzieq#57."""
    (tmp_path / f"x.{ending}").write_text(content)
    with pytest.raises(SourceError, match=rf"x.{ending} cannot be read: {says}"):
        opened(tmp_path / f"x.{ending}")


@pytest.mark.parametrize("column", ["id", "features"])
def test_damage_that_arrow_finds_only_when_rows_are_read_is_named(column, tmp_path):
    path = tmp_path / "x.parquet"
    save_parquet(path, [f"r{i}" for i in range(ROWS)])
    meta = parquet.ParquetFile(path).metadata.row_group(3)
    (chunk,) = [
        meta.column(i)
        for i in range(meta.num_columns)
        if meta.column(i).path_in_schema.startswith(column)
    ]
    content = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    content[start : start + chunk.total_compressed_size] = bytes(chunk.total_compressed_size)
    path.write_bytes(content)
    teacher = opened(path)
    with pytest.raises(SourceError, match=r"x.parquet cannot be read: "):
        teacher.read(split_of(), range(ROWS))


def test_a_header_of_npy_that_ends_early_is_named(tmp_path):
    path = tmp_path / "x_train.npy"
    np.save(path, MATRIX)
    path.write_bytes(path.read_bytes().replace(b"}", b" "))
    with pytest.raises(SourceError, match=r"x_train.npy cannot be read"):
        opened(tmp_path / "x_{split}.npy")
