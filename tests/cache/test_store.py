"""Opening checks the files of an entry, and names what is wrong with them."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from small_rows import IDS, fill, key_of, rows_of
from small_teachers import TextTeacher, texts

from tutelage.cache import FeatureStore
from tutelage.cache.manifest import Manifest, records
from tutelage.errors import CacheError
from tutelage.extraction import extract_split


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
    extract_split(TextTeacher(), split, store=store)
    changed = TextTeacher(weights="2")
    changed.table += 1
    second = extract_split(changed, split, store=store)
    assert len(store.entries()) == 2
    why = store.why_missing(second.key)
    assert why == "source.weights: 2 here, 1 there"
    other = replace(second.key, source={**second.key.source, **dict.fromkeys("abcdefghi", "1")})
    assert store.why_missing(other).endswith("source.f: 1 here, nothing there; and 3 more")


def test_statistics_of_an_older_version_have_no_counts_of_rows(store):
    rows = rows_of()
    rows[7] = 0
    rows[9] = rows[8]
    fill(store, key_of(), rows)
    features = store.open(key_of(), IDS)
    assert (features.row_counts.zero, features.row_counts.first_zero) == (1, 7)
    assert features.row_counts.repeated == 1
    path = features.folder / "statistics.safetensors"
    save_file({name: load_file(path)[name] for name in ("mean", "std")}, path)
    manifest = Manifest.read(features.folder)
    files = [file for file in manifest.files if file.name != path.name]
    again = (*files, *records(features.folder, [path.name]))
    Manifest(manifest.key, manifest.layout, again).write(features.folder)
    older = store.open(key_of(), IDS)
    assert older.row_counts is None
    assert torch.equal(older.mean, features.mean)
