"""The key: a function of content, and of nothing else."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
from small_teachers import TextRows, TextTeacher, split_of, texts

from tutelage.cache import FeatureKey, rows_digest
from tutelage.data.base import Split
from tutelage.errors import CacheError
from tutelage.extraction.extract import feature_key

KEY = FeatureKey(
    {"source": "timm:x", "weights": "1f"}, split="train", rows=3, content="c0", dtype="float16"
)


@pytest.mark.parametrize(
    "change",
    [
        {"source": {"source": "timm:x", "weights": "2f"}},
        {"source": {"source": "timm:x"}},
        {"split": "test"},
        {"rows": 4},
        {"content": "c1"},
        {"dtype": "float32"},
        {"format": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_every_part_changes_the_digest(change):
    assert replace(KEY, **change).digest != KEY.digest


def test_differences_name_the_settings_inside_a_config_and_shorten_them():
    def key(**config: object) -> FeatureKey:
        return replace(
            KEY, source={"config": json.dumps({"width": 8, "labels": "x" * 500} | config)}
        )

    assert key(layers=2).differences(key(layers=4)) == ["source.config.layers: 2 here, 4 there"]
    nested = key(vision={"size": 32, "depth": 1}).differences(key(vision={"size": 64, "depth": 1}))
    assert nested == ["source.config.vision.size: 32 here, 64 there"]
    (long,) = key(labels="x" * 500 + "a").differences(key(labels="x" * 500 + "b"))
    assert long == "source.config.labels: …xxxxxxxxxxa here, …xxxxxxxxxxb there"


def test_order_of_the_identity_does_not_matter():
    other = replace(KEY, source=dict(reversed(KEY.source.items())))
    assert other.digest == KEY.digest


def test_survives_json():
    assert FeatureKey.from_json(KEY.to_json()) == KEY
    with pytest.raises(CacheError, match=r"key\.json"):
        FeatureKey.from_json({"split": "train"})


def test_same_in_another_process():
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from small_teachers import *; "
        "from tutelage.extraction.extract import feature_key; "
        "print(feature_key(TextTeacher(), texts(50)).digest)"
    )
    here = os.path.dirname(__file__)
    found = subprocess.run(
        [sys.executable, "-c", program, here],
        env=os.environ | {"PYTHONHASHSEED": "5"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == feature_key(TextTeacher(), texts(50)).digest


def test_rows_digest_sees_content_ids_and_order():
    def split(names: list[str], rows: list[str]) -> Split:
        return replace(split_of(TextRows(rows)), ids=names)

    base = rows_digest(split(["a", "b"], ["one", "two"]))
    assert base == rows_digest(split(["a", "b"], ["one", "two"]))
    others = [
        split(["a", "c"], ["one", "two"]),
        split(["a", "b"], ["one", "twoo"]),
        split(["b", "a"], ["two", "one"]),
        split(["ao", "b"], ["ne", "two"]),
        split(["a"], ["one"]),
    ]
    assert len({base, *map(rows_digest, others)}) == 1 + len(others)


def test_content_is_read_once_for_several_teachers():
    class Counting(TextRows):
        read = 0

        def content(self, index: int) -> bytes:
            self.read += 1
            return super().content(index)

    rows = Counting(["one", "two"])
    split = split_of(rows)
    feature_key(TextTeacher(), split)
    feature_key(TextTeacher(weights="2"), split)
    assert rows.read == 2


def test_duplicate_ids_are_named():
    with pytest.raises(CacheError, match="'same'"):
        rows_digest(replace(split_of(TextRows(["a", "b", "c"])), ids=["x", "same", "same"]))


def test_keys_are_the_same_as_ever():
    """Written down once: another digest means that every cached feature is computed again."""
    assert KEY.digest == "2b5550788de5129ad145362c9f3687f6"
    assert rows_digest(texts(50)) == "ec7b2a2b87abaeedab016a5612bcb7bf"
    keys = [
        feature_key(TextTeacher(), texts(50)),
        feature_key(TextTeacher(weights="2"), texts(50), dtype="float32"),
    ]
    assert [key.digest for key in keys] == [
        "163b4679befd4d11680aaabb9e6b0c7a",
        "ea4ff80a2f66015fb7fc4755a8638a9b",
    ]
