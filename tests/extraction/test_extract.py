"""Features through the whole pipeline against one row at a time."""

import pytest
import torch
from small_teachers import (
    ImageTeacher,
    Table,
    TextRows,
    TextTeacher,
    Watch,
    images,
    split_of,
    texts,
)

from tutelage.cache import FeatureStore
from tutelage.cache.manifest import Manifest
from tutelage.errors import CacheError, DataError, SourceError
from tutelage.extraction import ExtractionSettings, extract_split
from tutelage.extraction.estimate import estimate


def one_by_one(teacher, split) -> torch.Tensor:
    """The definition: prepare, collate and encode each row alone."""
    found = []
    for index in range(len(split)):
        batch = teacher.collate([teacher.prepare(split.rows[index])])
        with torch.no_grad():
            found.append(teacher.encode(batch)[0])
    return torch.stack(found)


@pytest.mark.parametrize("batch_size", ["auto", 7])
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("kind", ["text", "image"])
def test_every_row_gets_its_own_features(tmp_path, kind, workers, batch_size):
    # More than one part each, and a last part that is not full.
    teacher, split = (
        (TextTeacher(), texts(2300)) if kind == "text" else (ImageTeacher(), images(700))
    )
    told: list[int] = []
    features = extract_split(
        teacher,
        split,
        store=FeatureStore(tmp_path),
        progress=Watch(told.append),
        settings=ExtractionSettings(
            dtype="float32", workers=workers, batch_size=batch_size, device="cpu"
        ),
    )
    torch.testing.assert_close(features.read(0, len(split)), one_by_one(teacher, split))
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, len(split))


def test_workers_change_no_bit(tmp_path):
    found = []
    for workers in (0, 1, 2):
        store = FeatureStore(tmp_path / str(workers))
        extract_split(
            TextTeacher(),
            texts(2300),
            store=store,
            settings=ExtractionSettings(workers=workers, device="cpu"),
        )
        (path,) = store.root.rglob("features-*")
        found.append(path.read_bytes())
    assert found[0] == found[1] == found[2]


def test_cached_features_are_not_computed_again(tmp_path):
    store, split = FeatureStore(tmp_path), texts(60)
    first = extract_split(
        TextTeacher(), split, store=store, settings=ExtractionSettings(device="cpu")
    )
    assert Manifest.read(first.folder).computed == "float32 on cpu"
    teacher, watch = TextTeacher(), Watch()
    extract_split(teacher, split, store=store, name="bag", progress=watch)
    assert teacher.batches == []
    assert (watch.labels, watch.notes) == (
        [],
        ["bag: features of the 60 rows of train are cached"],
    )


def test_texts_are_sorted_so_that_padding_is_small(tmp_path):
    teacher = TextTeacher()
    settings = ExtractionSettings(device="cpu")
    extract_split(teacher, texts(2048), store=FeatureStore(tmp_path), settings=settings)
    padded = sum(rows * length for rows, length, _ in teacher.batches)
    tokens = sum(count for _, _, count in teacher.batches)
    assert tokens / padded > 0.93  # in the order of the rows: 0.53
    assert all(rows * length <= 4096 and rows <= 128 for rows, length, _ in teacher.batches)


class Cramped(TextTeacher):
    """A teacher whose device holds so many rows at most."""

    def __init__(self, most: int, error: Exception) -> None:
        super().__init__()
        self.most, self.error = most, error
        self.tried: list[int] = []

    def encode(self, batch):
        self.tried.append(len(batch["input_ids"]))
        if self.tried[-1] > self.most:
            raise self.error
        return super().encode(batch)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
    ids=["device", "host", "python"],
)
def test_batches_are_halved_until_they_fit(tmp_path, error):
    teacher, split = Cramped(5, error), texts(90)
    features = extract_split(
        teacher,
        split,
        store=FeatureStore(tmp_path),
        settings=ExtractionSettings(dtype="float32", batch_size=32),
    )
    assert teacher.tried[:4] == [32, 16, 8, 4]
    assert teacher.tried.count(32) == 1  # later batches are cut beforehand
    torch.testing.assert_close(features.read(0, 90), one_by_one(TextTeacher(), split))


def test_not_even_one_row_fits(tmp_path):
    teacher = Cramped(0, torch.OutOfMemoryError("out of memory"))
    with pytest.raises(SourceError, match="not even one row fits in the memory of cpu"):
        extract_split(
            teacher,
            texts(9),
            store=FeatureStore(tmp_path),
            settings=ExtractionSettings(device="cpu"),
        )


def test_real_memory_ends(tmp_path):
    """The allocator's own error, not one that is made up here."""

    class Greedy(TextTeacher):
        def encode(self, batch):
            if len(batch["input_ids"]) > 4:
                torch.empty(2**60, dtype=torch.uint8)
            return super().encode(batch)

    split = texts(40)
    features = extract_split(
        Greedy(), split, store=FeatureStore(tmp_path), settings=ExtractionSettings(dtype="float32")
    )
    torch.testing.assert_close(features.read(0, 40), one_by_one(TextTeacher(), split))


def test_errors_that_are_not_memory_are_left_alone(tmp_path):
    with pytest.raises(RuntimeError, match="shapes"):
        extract_split(Cramped(0, RuntimeError("shapes")), texts(9), store=FeatureStore(tmp_path))


def test_a_wrong_width_is_named(tmp_path):
    teacher = TextTeacher(24)
    teacher.width = 25
    with pytest.raises(SourceError, match=r"\(9, 24\) for 9 rows, but says that it has 25"):
        extract_split(teacher, texts(9), store=FeatureStore(tmp_path))


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_row_is_one_clear_message(tmp_path, workers):
    class Broken(TextRows):
        def __getitem__(self, index: int):
            if index == 5:
                raise DataError("row 'text/5' cannot be decoded")
            return super().__getitem__(index)

    split = split_of(Broken(["a f"] * 9))
    with pytest.raises(DataError) as caught:
        extract_split(
            TextTeacher(),
            split,
            store=FeatureStore(tmp_path),
            settings=ExtractionSettings(workers=workers),
        )
    assert str(caught.value) == "row 'text/5' cannot be decoded"


def test_a_worker_that_dies_is_explained(tmp_path):
    class Deadly(TextRows):
        def __getitem__(self, index: int):
            import os

            os.kill(os.getpid(), 9)

    with pytest.raises(DataError, match="fewer workers"):
        extract_split(
            TextTeacher(),
            split_of(Deadly(["a"])),
            store=FeatureStore(tmp_path),
            settings=ExtractionSettings(workers=1, device="cpu"),
        )


def test_features_computed_elsewhere_are_read_block_by_block(tmp_path):
    rows = torch.randn(5000, 7, generator=torch.Generator().manual_seed(0))
    source = Table(rows)
    features = extract_split(
        source,
        texts(5000),
        store=FeatureStore(tmp_path),
        settings=ExtractionSettings(dtype="float32"),
    )
    assert torch.equal(features.read(0, 5000), rows)
    assert source.asked == [4096, 904]


@pytest.mark.usefixtures("unchecked")
def test_neither_encode_nor_read(tmp_path):
    source = Table(torch.ones(9, 2))
    source.__class__ = type("Empty", (), {"identity": Table.identity})
    with pytest.raises(SourceError, match="Empty has neither"):
        extract_split(source, texts(9), store=FeatureStore(tmp_path))


@pytest.mark.usefixtures("unchecked")
def test_dtype_is_checked(tmp_path):
    with pytest.raises(CacheError, match="float16 or float32, not 'int8'"):
        extract_split(
            TextTeacher(),
            texts(9),
            store=FeatureStore(tmp_path),
            settings=ExtractionSettings(dtype="int8"),
        )


@pytest.mark.gpu
def test_on_a_gpu(tmp_path):
    split = texts(2300)
    half = extract_split(
        TextTeacher(),
        split,
        store=FeatureStore(tmp_path / "half"),
        settings=ExtractionSettings(workers=2),
    )
    full = extract_split(
        TextTeacher(),
        split,
        store=FeatureStore(tmp_path / "full"),
        settings=ExtractionSettings(dtype="float32"),
    )
    expected = one_by_one(TextTeacher(), split)
    torch.testing.assert_close(full.read(0, 2300), expected, atol=2e-2, rtol=2e-2)
    torch.testing.assert_close(half.read(0, 2300).float(), expected, atol=0.3, rtol=0.1)


@pytest.mark.gpu
def test_batches_that_a_gpu_has_no_room_for_are_halved(tmp_path):
    class Hungry(TextTeacher):
        def encode(self, inputs):
            features = super().encode(inputs)
            torch.empty(len(features), 100 << 20, dtype=torch.uint8, device=features.device)
            return features

    split = texts(70)
    _, total = torch.cuda.mem_get_info()
    torch.cuda.set_per_process_memory_fraction(2e9 / total)
    try:
        table = extract_split(
            Hungry(),
            split,
            store=FeatureStore(tmp_path),
            settings=ExtractionSettings(dtype="float32", batch_size=64),
        )
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    expected = one_by_one(TextTeacher(), split)
    torch.testing.assert_close(table.read(0, 70), expected, atol=2e-2, rtol=2e-2)


class Numbers:
    """Features computed elsewhere, as a matrix."""

    parameters = None

    def __init__(self, matrix: torch.Tensor) -> None:
        self.matrix, self.width = matrix, matrix.shape[1]

    def identity(self) -> dict[str, str]:
        return {"content": str(self.matrix.double().sum().item())}

    def read(self, split, rows) -> torch.Tensor:
        return self.matrix[list(rows)]


@pytest.mark.parametrize(
    ("first", "damage", "says"),
    [
        (4500, lambda column: 1e6 * column, "the largest float16 is 6.55e+04"),
        (0, lambda column: 1000 + 0.1 * column, "1 of 4 columns do not survive float16: column 2"),
    ],
    ids=["large values in the second part", "large mean"],
)
def test_what_float16_cannot_hold_is_stored_wider_and_told(tmp_path, first, damage, says):
    rows = torch.randn(5000, 4, generator=torch.Generator().manual_seed(0))
    rows[first:, 2] = damage(rows[first:, 2])
    store, watch = FeatureStore(tmp_path), Watch()
    source, split = Numbers(rows), texts(5000)
    features = extract_split(source, split, store=store, name="mine", progress=watch)
    assert torch.equal(features.read(0, 5000), rows)
    (note,) = watch.notes
    assert note.startswith("mine: ")
    assert says in note
    assert "stored as float32" in note
    assert len(store.entries()) == 1, "nothing is left of the narrow ones"
    again = Watch()
    assert extract_split(source, split, store=store, progress=again).folder == features.folder
    assert [note for note in again.notes if "are cached" in note]


def test_small_values_are_stored_wider_and_a_faint_column_beside_others_is_told(tmp_path):
    rows = torch.randn(500, 4, generator=torch.Generator().manual_seed(0))
    watch = Watch()
    small = extract_split(
        Numbers(1e-9 * rows), texts(500), store=FeatureStore(tmp_path), progress=watch
    )
    assert torch.equal(small.read(0, 500), 1e-9 * rows)
    assert "4 of 4 columns do not survive float16" in watch.notes[0]
    rows[:, 2] *= 1e-9
    again = Watch()
    faint = extract_split(Numbers(rows), texts(500), store=FeatureStore(tmp_path), progress=again)
    assert torch.equal(faint.read(0, 500), rows.half())
    assert "1 of 4 columns vary so little" in again.notes[0]
    assert "(column 2); cache.dtype = 'float32' would keep them" in again.notes[0]


def test_what_float16_can_hold_stays_float16(tmp_path):
    rows = torch.randn(5000, 4, generator=torch.Generator().manual_seed(0))
    watch = Watch()
    features = extract_split(
        Numbers(rows), texts(5000), store=FeatureStore(tmp_path), progress=watch
    )
    assert features.dtype == torch.float16
    assert torch.equal(features.read(0, 5000), rows.half())
    assert watch.notes == []


def test_what_float32_cannot_hold_is_refused(tmp_path):
    rows = 1.7e9 + torch.randn(100, 2, generator=torch.Generator().manual_seed(0)).double()
    with pytest.raises(CacheError, match=r"do not survive float32.*with the mean subtracted"):
        extract_split(Numbers(rows), texts(100), store=FeatureStore(tmp_path))


def test_features_that_tell_nothing_are_told_each_time(tmp_path):
    store, source = FeatureStore(tmp_path), Numbers(torch.zeros(40, 3))
    for _ in range(2):
        watch = Watch()
        extract_split(source, texts(40), store=store, name="dead", progress=watch)
        assert watch.notes[-1].startswith("dead: all 3 columns are zero in all 40 rows")


def test_wide_features_in_the_cache_change_no_number(tmp_path):
    """Float32 stands for float16 only where float16 cannot hold the features."""
    plain = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))
    large = plain.clone()
    large[7, 1] = 1e6
    for rows, dtype in ((plain, torch.float16), (large, torch.float32)):
        store, source = FeatureStore(tmp_path), Numbers(rows)
        wide = ExtractionSettings(dtype="float32")
        assert extract_split(source, texts(300), store=store, settings=wide).dtype == torch.float32
        assert extract_split(source, texts(300), store=store).dtype == dtype


class Counted(Numbers):
    """Features of which each part that is read is noted; the process is killed before a certain one."""

    def __init__(self, matrix: torch.Tensor, *, killed_before: int | None = None) -> None:
        super().__init__(matrix)
        self.parts: list[int] = []
        self.killed_before = killed_before

    def read(self, split, rows) -> torch.Tensor:
        if len(self.parts) == self.killed_before:
            raise KeyboardInterrupt
        self.parts.append(rows.start)
        return super().read(split, rows)


def test_an_extraction_that_had_gone_to_float32_continues_there(tmp_path):
    rows = torch.randn(9000, 4, generator=torch.Generator().manual_seed(0))
    rows[8500, 2] = 1e6  # in the third of three parts
    killed, store = Counted(rows, killed_before=4), FeatureStore(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        extract_split(killed, texts(9000), store=store)
    assert killed.parts == [0, 4096, 8192, 0]
    source, watch = Counted(rows), Watch()
    expected = estimate(source, texts(9000), store=store)
    assert (expected.cached, expected.rows) == (4096, 9000)
    source.parts.clear()
    features = extract_split(source, texts(9000), store=store, progress=watch)
    assert source.parts == [4096, 8192]
    assert torch.equal(features.read(0, 9000), rows)
    assert "stored as float32" in watch.notes[0]


def test_doubles_that_float32_barely_holds_are_read_once(tmp_path):
    rows = 1000 + 5e-4 * torch.randn(300, 2, generator=torch.Generator().manual_seed(0)).double()
    store = FeatureStore(tmp_path)
    features = extract_split(Numbers(rows), texts(300), store=store)
    assert features.dtype == torch.float32
    again = Counted(rows)
    assert extract_split(again, texts(300), store=store).folder == features.folder
    assert again.parts == []


def test_doubles_that_a_teacher_computes_are_judged_unrounded(tmp_path):
    class Exact(TextTeacher):
        def encode(self, inputs):
            return super().encode(inputs).double() + 1e9

    with pytest.raises(CacheError, match=r"do not survive float32.*with the mean subtracted"):
        extract_split(Exact(), texts(100), store=FeatureStore(tmp_path))
