"""Rows are decoded once, here or in worker processes, and a fault hides no other."""

from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from tutelage.data.base import Modality
from tutelage.data.check.scan import scan_rows
from tutelage.data.images import ImageFiles


@pytest.fixture
def files(tmp_path) -> ImageFiles:
    names = [f"{number:02d}.png" for number in range(70)]
    for number, name in enumerate(names):
        noise = np.random.default_rng(number).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        Image.fromarray(noise).save(tmp_path / name)
    (tmp_path / "13.png").write_bytes(b"")
    (tmp_path / "40.png").write_bytes((tmp_path / "40.png").read_bytes()[:200])
    (tmp_path / "66.png").unlink()
    return ImageFiles(tmp_path, names)


def test_worker_processes_find_the_same(files):
    here, there = (scan_rows(files, workers=workers) for workers in (0, 2))
    assert sorted(here.damage) == [13, 40, 66]
    assert here.damage == there.damage
    for name in ("digests", "sizes", "flat", "bits", "views", "sketches", "lengths"):
        assert (getattr(here, name) == getattr(there, name)).all(), name
    assert here.sizes[0].tolist() == [30, 20]
    assert len(here.sketches) == 0


def test_progress_counts_all_rows(files):
    counts = []

    class Noted:
        @contextmanager
        def track(self, label, total, *, unit, done=0):
            counts.append(total)
            yield counts.append

        def note(self, message): ...

    scan_rows(files, workers=0, progress=Noted())
    assert counts == [70, 32, 64, 70]


class Rows:
    """Rows of a user whose fifth raises whatever it likes."""

    modality: Modality = "text"

    def __len__(self):
        return 8

    def __getitem__(self, index):
        if index == 5:
            raise KeyError("no such key")
        return (f"row {index}",)

    def content(self, index):
        return str(index).encode()

    def select(self, indices):
        raise NotImplementedError


def test_any_error_of_a_row_is_the_rows_damage():
    scan = scan_rows(Rows())
    assert scan.damage == {5: "'no such key'"}
    assert scan.lengths.tolist() == [5, 5, 5, 5, 5, 0, 5, 5]
