"""What is written comes back; what is wrong with files is named."""

import json
import multiprocessing
import pickle
import shutil
import threading

import pytest
import torch
from safetensors.torch import load_file
from small_teachers import TextTeacher, texts

from tutelage.cache import FeatureKey, FeatureStore
from tutelage.errors import CacheError, SourceError
from tutelage.extraction import extract

WIDTH, ROWS = 6, 1000
IDS = [f"row {i} ü\n" for i in range(ROWS)]


def rows_of(count: int = ROWS) -> torch.Tensor:
    return torch.randn(count, WIDTH, generator=torch.Generator().manual_seed(0))


def key_of(**changes) -> FeatureKey:
    return FeatureKey(
        {"source": "made here"},
        **({"split": "train", "rows": ROWS, "content": "0", "dtype": "float16"} | changes),
    )


def fill(store: FeatureStore, key: FeatureKey, rows: torch.Tensor) -> None:
    with store.writer(key, ids=IDS, width=WIDTH, part_rows=64) as writer:
        for part in list(writer.missing):
            numbers = writer.layout.part(part)
            writer.write(part, rows[numbers.start : numbers.stop])
        writer.finish()


@pytest.fixture(params=["mapped", "read", "sharded"])
def store(request, tmp_path) -> FeatureStore:
    options = {
        "mapped": {},
        "read": {"map_up_to": 0},
        "sharded": {"shard_bytes": 3000},
    }[request.param]
    return FeatureStore(tmp_path / "cache", **options)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_rows_come_back(store, dtype):
    key, rows = key_of(dtype=dtype), rows_of()
    assert store.open(key, IDS) is None
    fill(store, key, rows)
    features = store.open(key, IDS)
    expected = rows.to(getattr(torch, dtype))
    assert (len(features), features.width, features.dtype) == (ROWS, WIDTH, expected.dtype)
    assert torch.equal(torch.cat(list(features.blocks(77))), expected)
    for wanted in (
        torch.randint(0, ROWS, (128,), generator=torch.Generator().manual_seed(1)),
        torch.arange(100, 400),
        torch.tensor([999]),
        torch.tensor([5, 5, 5]),
        torch.arange(20, 0, -1),
        torch.tensor([], dtype=torch.int64),
    ):
        assert torch.equal(features.gather(wanted), expected[wanted])
    assert store.open(key).ids == IDS
    torch.testing.assert_close(features.mean, expected.double().mean(0))
    torch.testing.assert_close(features.std, expected.double().std(0, correction=0))


def test_files_are_plain_safetensors(store):
    fill(store, key_of(), rows_of())
    files = sorted(store.folder(key_of()).glob("features-*.safetensors"))
    assert len(files) == store.open(key_of())._layout.shards
    found = torch.cat([load_file(path)["features"] for path in files])
    assert torch.equal(found, rows_of().half())


@pytest.mark.parametrize("wrong", [[0, ROWS], [-1], [-1, 0], [ROWS - 1, ROWS]])
def test_numbers_of_no_row_are_refused(store, wrong):
    fill(store, key_of(), rows_of())
    with pytest.raises(IndexError):
        store.open(key_of()).gather(torch.tensor(wrong))


def _first_rows(features, queue) -> None:
    queue.put(features.gather(torch.tensor([3, 1])).tolist())


def test_features_are_pickled_without_what_belongs_to_a_process(store):
    fill(store, key_of(), rows_of())
    features = store.open(key_of())
    features.gather(torch.tensor([3, 1]))
    copy = pickle.loads(pickle.dumps(features))
    assert torch.equal(copy.gather(torch.tensor([3, 1])), rows_of().half()[[3, 1]])


def test_features_go_to_a_spawned_process(tmp_path):
    store = FeatureStore(tmp_path, map_up_to=0)
    fill(store, key_of(), rows_of())
    features = store.open(key_of())
    features.gather(torch.tensor([0]))
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    process = context.Process(target=_first_rows, args=(features, queue))
    process.start()
    assert queue.get(timeout=60) == rows_of().half()[[3, 1]].tolist()
    process.join()


def test_threads_may_read_at_once(store):
    fill(store, key_of(), rows_of())
    features, expected, wrong = store.open(key_of()), rows_of().half(), []

    def read(seed: int) -> None:
        draw = torch.Generator().manual_seed(seed)
        for _ in range(200):
            wanted = torch.randint(0, ROWS, (32,), generator=draw)
            if not torch.equal(features.gather(wanted), expected[wanted]):
                wrong.append(wanted)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def damage(path, *, how: str) -> None:
    content = bytearray(path.read_bytes())
    if how == "cut":
        content = content[:-1]
    elif how == "grown":
        content += b"\0"
    elif how == "flipped":
        content[-5] ^= 1
    if how == "missing":
        path.unlink()
    else:
        path.write_bytes(content)


@pytest.mark.parametrize("how", ["cut", "grown", "missing"])
@pytest.mark.parametrize("pattern", ["features-*", "ids.jsonl", "statistics.safetensors"])
def test_opening_names_a_file_that_is_not_whole(store, pattern, how):
    fill(store, key_of(), rows_of())
    path = sorted(store.folder(key_of()).glob(pattern))[-1]
    damage(path, how=how)
    with pytest.raises(CacheError, match=path.name):
        store.open(key_of())
    (entry,) = store.entries()
    assert entry.status == "damaged"
    assert path.name in entry.reason
    assert [path.name in problem.file for problem in store.verify(entry)] == [True]


@pytest.mark.parametrize("pattern", ["features-*", "ids.jsonl", "statistics.safetensors"])
def test_verify_names_a_file_with_a_flipped_bit(store, pattern):
    fill(store, key_of(), rows_of())
    (entry,) = store.entries()
    assert (entry.status, store.verify(entry)) == ("complete", [])
    path = sorted(store.folder(key_of()).glob(pattern))[0]
    damage(path, how="flipped")
    (problem,) = store.verify(entry)
    assert problem.file == str(path)
    assert "bytes" in problem.reason


def test_changed_manifest_or_header_is_seen_at_once(store):
    fill(store, key_of(), rows_of())
    manifest = store.folder(key_of()) / "manifest.json"
    good = manifest.read_text()
    manifest.write_text(good.replace('"width": 6', '"width": 3'))
    with pytest.raises(CacheError, match="does not match its digest"):
        store.open(key_of())
    manifest.write_text(good[:50])
    with pytest.raises(CacheError, match=r"manifest\.json is damaged"):
        store.open(key_of())
    manifest.write_text(good)
    path = sorted(store.folder(key_of()).glob("features-*"))[0]
    path.write_bytes(path.read_bytes().replace(b"F16", b"I16"))
    with pytest.raises(CacheError, match="damaged header"):
        store.open(key_of())


def test_other_rows_are_named(store):
    fill(store, key_of(), rows_of())
    with pytest.raises(CacheError, match=r"row 3 is 'row 3 ü\\n', but 'x' is asked for"):
        store.open(key_of(), [*IDS[:3], "x", *IDS[4:]])
    with pytest.raises(CacheError, match=r"holds 1000 rows, but 999 are asked for"):
        store.open(key_of(), IDS[:-1])


def test_a_folder_under_another_keys_name_is_refused(store):
    fill(store, key_of(), rows_of())
    other = key_of(content="1")
    shutil.copytree(store.folder(key_of()), store.folder(other))
    with pytest.raises(CacheError, match="another key"):
        store.open(other, IDS)
    # Even with a fitting key.json the numbers still say whose they are.
    (store.folder(other) / "key.json").write_text(json.dumps(other.to_json()))
    with pytest.raises(CacheError, match="another key"):
        store.open(other, IDS)


def test_changed_teacher_is_another_entry_and_named(tmp_path):
    store, split = FeatureStore(tmp_path), texts(30)
    extract(TextTeacher(), split, store=store)
    changed = TextTeacher(weights="2")
    changed.table += 1
    second = extract(changed, split, store=store)
    assert len(store.entries()) == 2
    why = store.why_missing(second.key)
    assert why == "source.weights: 2 here, 1 there"


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


def test_maps_of_all_features_share_one_limit(tmp_path):
    size = ROWS * WIDTH * 2
    store = FeatureStore(tmp_path, map_up_to=size + size // 2)
    fill(store, key_of(), rows_of())
    first, second = store.open(key_of()), store.open(key_of())
    for features in (first, second):
        features.gather(torch.tensor([4]))
    assert first._mapped is not None
    assert second._mapped is None
    second.close()
    first.close()
    second.gather(torch.tensor([4]))
    assert second._mapped is not None
