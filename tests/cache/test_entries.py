"""Entries say what they are, and whether their files are whole."""

import os
import time

import pytest
from small_teachers import TextTeacher, texts

from tutelage.cache import FeatureKey, FeatureStore
from tutelage.extraction import extract_split


def test_an_empty_cache(tmp_path):
    assert FeatureStore(tmp_path / "none").entries() == []


def test_entries_say_what_they_are(mixed_store):
    by_status = {entry.status: entry for entry in mixed_store.entries()}
    assert sorted(by_status) == ["complete", "damaged", "unfinished"]
    complete = by_status["complete"]
    assert (complete.teacher, complete.split, complete.rows) == ("test:text", "train", 40)
    assert complete.width == 24
    assert complete.bytes == sum(f.stat().st_size for f in complete.folder.iterdir())
    assert not complete.in_use
    assert abs(complete.last_used - time.time()) < 60
    assert "ids.jsonl" in by_status["damaged"].reason
    assert by_status["unfinished"].reason == "0 of 1 parts are written"


def test_most_recently_used_first(mixed_store):
    entry = mixed_store.entries()[-1]
    soon = time.time() + 60
    for path in entry.folder.iterdir():
        os.utime(path, (soon, soon))
    assert mixed_store.entries()[0].folder == entry.folder


@pytest.mark.parametrize(
    ("spec", "identity", "teacher"),
    [
        ("hf:bert", {"scheme": "hf", "architecture": "BertModel"}, "hf:bert"),
        ("", {"scheme": "hf", "architecture": "BertModel"}, "hf:BertModel"),
        ("", {"scheme": "python"}, "python"),
        ("", {"name": "dino"}, "dino"),
        ("", {"weights": "1f"}, "?"),
    ],
    ids=str,
)
def test_the_teacher_is_named_as_the_user_named_it(tmp_path, spec, identity, teacher):
    class Named(TextTeacher):
        def identity(self):
            return identity

    store = FeatureStore(tmp_path)
    extract_split(Named(), texts(4), store=store, spec=spec)
    (entry,) = store.entries()
    assert entry.teacher == teacher
    assert entry.teacher_names == {teacher, *identity.values()}


def test_the_users_name_is_not_in_the_key(tmp_path):
    store = FeatureStore(tmp_path)
    first = extract_split(TextTeacher(), texts(4), store=store, spec="hf:bert")
    second = extract_split(TextTeacher(), texts(4), store=store, spec="hf:./copy-of-bert")
    assert first.key == second.key
    assert [entry.teacher for entry in store.entries()] == ["hf:bert"]


def test_verify_names_every_file_that_differs(mixed_store):
    complete, damaged, unfinished = sorted(mixed_store.entries(), key=lambda entry: entry.status)
    assert mixed_store.verify(complete) == []
    assert mixed_store.verify(unfinished) == []
    (file,) = mixed_store.verify(damaged)
    assert file.file.endswith("ids.jsonl")
    assert file.reason.startswith("has 3 bytes instead of")
    (complete.folder / "statistics.safetensors").unlink()
    (shard,) = complete.folder.glob("features-*")
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    reasons = {file.file: file.reason for file in mixed_store.verify(complete)}
    assert reasons == {
        str(shard): "its bytes are not those that were written",
        str(complete.folder / "statistics.safetensors"): "is missing",
    }


@pytest.mark.parametrize("name", ["key.json", "manifest.json"])
def test_verify_without_key_or_manifest(mixed_store, name):
    entry = next(e for e in mixed_store.entries() if e.status == "complete")
    (entry.folder / name).write_text("{")
    (file,) = mixed_store.verify(entry)
    assert file.file == str(entry.folder / name)
    (again,) = [e for e in mixed_store.entries() if e.folder == entry.folder]
    assert again.status == "damaged"


def test_a_key_that_cannot_be_read(tmp_path):
    folder = tmp_path / FeatureKey({}, split="a", rows=1, content="0").digest
    folder.mkdir()
    (entry,) = FeatureStore(tmp_path).entries()
    assert (entry.status, entry.teacher, entry.split, entry.rows) == ("damaged", "?", "?", None)
    assert entry.bytes == 0
