"""Estimates before, during and after an extraction."""

import time
from dataclasses import replace

import pytest
import torch
from small_teachers import ImageTeacher, Table, TextTeacher, Watch, images, texts

from tutelage.cache import FeatureStore
from tutelage.extraction import ExtractionSettings, estimate, extract_split


@pytest.mark.parametrize("kind", ["text", "image", "table"])
def test_estimate_before_and_after(tmp_path, kind):
    teacher, split = {
        "text": lambda: (TextTeacher(pause=0.002), texts(3000)),
        "image": lambda: (ImageTeacher(pause=0.002), images(700)),
        "table": lambda: (Table(torch.ones(5000, 7)), texts(5000)),
    }[kind]()
    store = FeatureStore(tmp_path)
    before = estimate(teacher, split, store=store, settings=ExtractionSettings(dtype="float16"))
    assert (before.rows, before.width, before.cached) == (len(split), teacher.width, 0)
    assert 0 < before.measured <= len(split)
    assert before.seconds > 0
    assert not list(tmp_path.iterdir())
    features = extract_split(teacher, split, store=store)
    sizes = [path.stat().st_size for path in features.folder.glob("features-*")]
    assert before.bytes == sum(sizes)
    after = estimate(teacher, split, store=store)
    assert (after.cached, after.seconds, after.measured) == (len(split), 0.0, 0)


def test_estimate_counts_what_is_cached_of_an_unfinished_split(tmp_path):
    store, split, teacher = FeatureStore(tmp_path), texts(5000), TextTeacher()
    seen = 0

    def stop(rows: int) -> None:
        nonlocal seen
        seen = rows
        if rows > 4500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_split(teacher, split, store=store, progress=Watch(stop))
    found = estimate(teacher, split, store=store)
    assert found.cached == 4096
    assert store.entries()[0].status == "unfinished"


def test_seconds_are_those_of_the_rows_that_are_missing(tmp_path):
    """A teacher that sleeps 4 ms a batch of 20 rows takes at least 0.2 ms a row."""
    teacher, split = TextTeacher(pause=0.004), texts(4000)
    settings = ExtractionSettings(batch_size=20, device="cpu")
    expected = estimate(teacher, split, store=FeatureStore(tmp_path), settings=settings)
    assert expected.seconds >= 4000 / 20 * 0.004
    assert expected.measured < 4000


def test_a_damaged_journal_counts_as_nothing(tmp_path):
    store, split = FeatureStore(tmp_path), texts(3000)

    def stop(rows: int) -> None:
        if rows > 2500:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract_split(TextTeacher(), split, store=store, progress=Watch(stop))
    (journal,) = tmp_path.rglob("progress.jsonl")
    journal.write_bytes(b"{")
    assert estimate(TextTeacher(), split, store=store).cached == 0


def test_views_count_like_rows(tmp_path):
    store, split, teacher = FeatureStore(tmp_path), images(60), ImageTeacher()
    views = [replace(split, name=f"train, view {number}") for number in (1, 2)]
    before = estimate(teacher, split, store=store, more=views)
    assert (before.rows, before.cached) == (180, 0)
    assert before.seconds > 0
    sizes = []
    for one in (split, *views):
        features = extract_split(teacher, one, store=store)
        sizes += [path.stat().st_size for path in features.folder.glob("features-*")]
        after = estimate(teacher, split, store=store, more=views)
        assert after.cached == 60 * len(sizes)
    assert (after.seconds, after.bytes) == (0.0, sum(sizes)) == (0.0, before.bytes)


@pytest.mark.parametrize("kind", ["image", "text"])
def test_an_estimate_is_within_a_factor_of_two_of_the_extraction(tmp_path, kind):
    """Teachers that sleep take the same time on a busy machine."""
    teacher, split = {
        "text": lambda: (TextTeacher(pause=0.01), texts(1600)),
        "image": lambda: (ImageTeacher(pause=0.01), images(600)),
    }[kind]()
    settings = ExtractionSettings(batch_size=20, device="cpu")
    expected = estimate(teacher, split, store=FeatureStore(tmp_path), settings=settings)
    begin = time.perf_counter()
    extract_split(teacher, split, store=FeatureStore(tmp_path), settings=settings)
    assert 0.5 < expected.seconds / (time.perf_counter() - begin) < 2.0
    assert expected.measured < len(split) / 5


def test_processes_of_a_job_share_the_time_but_no_more_than_there_are_parts(tmp_path, monkeypatch):
    teacher, store = TextTeacher(pause=0.01), FeatureStore(tmp_path)
    settings = ExtractionSettings(batch_size=200, device="cpu")
    alone = estimate(teacher, texts(8000), store=store, settings=settings)
    monkeypatch.setenv("WORLD_SIZE", "64")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "1")
    shared = estimate(teacher, texts(8000), store=store, settings=settings)
    assert shared.devices.workers == 64
    assert 2 < alone.seconds / shared.seconds < 8, "8,000 texts are four parts"


def test_weights_are_those_of_the_precision_that_computes(tmp_path):
    teacher = ImageTeacher()
    assert estimate(teacher, images(40), store=FeatureStore(tmp_path)).weights is None
    teacher.parameters = 1000
    on_cpu = ExtractionSettings(device="cpu")
    found = estimate(teacher, images(40), store=FeatureStore(tmp_path), settings=on_cpu)
    assert (found.weights, found.peak) == (4000, None), "a CPU computes in float32"


@pytest.mark.gpu
def test_on_a_gpu_weights_take_half_and_the_peak_is_measured(tmp_path):
    teacher = ImageTeacher()
    teacher.parameters = 1000
    found = estimate(teacher, images(40), store=FeatureStore(tmp_path))
    assert found.weights == 2000
    assert found.peak > 40 * 3 * 8 * 8
