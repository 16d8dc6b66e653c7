"""Killed, crowded and out of room: what is extracted in the end is the same, byte for byte."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from small_teachers import TextTeacher, Watch, texts

from tutelage.cache import FeatureKey, FeatureStore, PruneRule
from tutelage.cache.writer import FeatureWriter
from tutelage.errors import CacheError, SourceError
from tutelage.extraction import ExtractionSettings, extract_split

# Children are killed before they could meet a lock that a thread of pytest's held.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)

PROGRAM = Path(__file__).with_name("small_teachers.py")
# Three parts of at most 2,048 rows, two files.
OPTIONS = ("--rows", "5000", "--shard-bytes", str(2 * 2048 * 24 * 2))


def files_of(root: Path) -> dict[str, bytes]:
    """All files but the locks, by their path under the cache."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def start(root: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), str(root), *OPTIONS, *options],
        stdout=subprocess.PIPE,
        text=True,
    )


def finish(root: Path) -> dict[str, bytes]:
    """Extract in this process what is missing."""
    store = FeatureStore(root, shard_bytes=2 * 2048 * 24 * 2)
    extract_split(
        TextTeacher(), texts(5000), store=store, settings=ExtractionSettings(device="cpu")
    )
    return files_of(root)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """The files of an extraction that nobody disturbed."""
    found = finish(tmp_path_factory.mktemp("whole"))
    assert sorted(Path(name).name for name in found) == [
        "features-00000-of-00002.safetensors",
        "features-00001-of-00002.safetensors",
        "ids.jsonl",
        "key.json",
        "manifest.json",
        "statistics.safetensors",
    ]
    return found


@pytest.mark.parametrize("workers", ["0", "2"])
def test_killed_while_it_computes(tmp_path, whole, workers):
    process = start(tmp_path, "--pause", "0.02", "--workers", workers)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) > 2500:  # the first part is written, the second is in progress
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    (entry,) = FeatureStore(tmp_path).entries()
    assert (entry.status, entry.reason) == ("unfinished", "1 of 3 parts are written")
    begun: list[int] = []
    store = FeatureStore(tmp_path, shard_bytes=2 * 2048 * 24 * 2)
    extract_split(
        TextTeacher(),
        texts(5000),
        store=store,
        progress=Watch(begun.append),
        settings=ExtractionSettings(device="cpu"),
    )
    assert begun[0] == 2048
    assert files_of(tmp_path) == whole


def write_small(root: Path) -> dict[str, bytes]:
    """Write 90 rows in 6 parts and 3 files, without a teacher."""
    store = FeatureStore(root, shard_bytes=2 * 16 * 4 * 2)
    key = FeatureKey({"source": "small"}, split="train", rows=90, content="0")
    rows = torch.randn(90, 4, generator=torch.Generator().manual_seed(0))
    ids = [str(i) for i in range(90)]
    if store.open(key, ids) is None:
        with store.writer(key, ids=ids, width=4, part_rows=16) as writer:
            for part in list(writer.missing):
                numbers = writer.layout.part(part)
                writer.write(part, rows[numbers.start : numbers.stop])
            writer.finish()
    return files_of(root)


def killed_at(call: int, root: Path) -> bool:
    """Write in a forked child that is killed at its n-th step in the file system.

    Returns whether it was: after the last step it ends by itself.
    """
    child = os.fork()
    if child == 0:
        seen = 0

        def counting(event: str, _: object) -> None:
            nonlocal seen
            if event in {"open", "os.rename", "os.remove", "os.truncate", "os.utime", "tutelage"}:
                seen += 1
                if seen == call:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(counting)
        real_write, real_sync = os.pwrite, os.fsync

        def pwrite(descriptor: int, content: memoryview, offset: int) -> int:
            half = memoryview(content)[: max(1, len(content) // 2)]
            sys.audit("tutelage")
            done = real_write(descriptor, half, offset)  # a kill may come inside a write, too
            sys.audit("tutelage")
            return done

        def fsync(descriptor: int) -> None:
            sys.audit("tutelage")
            real_sync(descriptor)

        os.pwrite, os.fsync = pwrite, fsync
        try:
            write_small(root)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_killed_at_every_step(tmp_path):
    """Every file that is opened, written, synced or renamed is a moment to die."""
    small = write_small(tmp_path / "whole")
    call = -1
    while killed_at(call := call + 2, root := tmp_path / "killed"):
        assert write_small(root) == small, f"killed at step {call}"
        shutil.rmtree(root)
    assert call > 100
    assert files_of(root) == small


def test_killed_again_and_again(tmp_path):
    small = write_small(tmp_path / "whole")
    draw = random.Random(0)
    for _ in range(20):
        killed_at(draw.randint(10, 60), tmp_path / "killed")
    assert write_small(tmp_path / "killed") == small


def test_two_at_once(tmp_path, whole):
    processes = [start(tmp_path, "--pause", "0.01") for _ in range(2)]
    outputs = [process.communicate(timeout=120)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert files_of(tmp_path) == whole
    # One computed; the other waited, and found everything.
    assert sorted(len(output) > 1 for output in outputs) == [False, True]


def test_a_part_that_changed_is_computed_again(tmp_path, whole):
    with pytest.raises(SourceError):
        finish_until_nan(tmp_path)
    (path,) = tmp_path.rglob("*.safetensors*")
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    assert finish(tmp_path) == whole


def finish_until_nan(root: Path) -> None:
    """Stop inside the second part."""
    teacher, encode = TextTeacher(), TextTeacher.encode

    def stops(batch):
        features = encode(teacher, batch)
        return features * float("nan") if sum(n for n, *_ in teacher.batches) > 2048 else features

    teacher.encode = stops
    store = FeatureStore(root, shard_bytes=2 * 2048 * 24 * 2)
    extract_split(teacher, texts(5000), store=store, settings=ExtractionSettings(device="cpu"))


def test_another_plan_starts_over(tmp_path, whole):
    with pytest.raises(SourceError):
        finish_until_nan(tmp_path)
    extract_split(
        TextTeacher(),
        texts(5000),
        store=FeatureStore(tmp_path),
        settings=ExtractionSettings(device="cpu"),
    )
    assert [p.name for p in tmp_path.rglob("features-*")] == ["features-00000-of-00001.safetensors"]


def test_no_room_from_the_start(tmp_path, monkeypatch):
    """A file system with too little room is refused before anything is computed."""
    real = os.statvfs

    def small(path):
        found = list(real(path))
        found[4] = 1
        return os.statvfs_result(found)

    monkeypatch.setattr(os, "statvfs", small)
    teacher = TextTeacher()
    with pytest.raises(CacheError, match=r"no room for features in .*: \d\d\d kB more are needed"):
        extract_split(
            teacher,
            texts(5000),
            store=FeatureStore(tmp_path),
            settings=ExtractionSettings(device="cpu"),
        )
    assert teacher.batches == []


def test_no_room_on_the_way(tmp_path, whole):
    """The kernel refuses the second file; the first is kept, and the message says so."""
    first = 2 * 2048 * 24 * 2 + 1024
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_FSIZE, (first // 2, first))
        try:
            finish(tmp_path)
        except CacheError as error:
            (tmp_path / "message").write_text(str(error))
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    message = (tmp_path / "message").read_text()
    assert "no room for features" in message
    assert "kept" in message
    (tmp_path / "message").unlink()
    assert finish(tmp_path) == whole


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_full_file_system(tmp_path, whole):
    root = tmp_path / "small"
    root.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(root)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    try:
        filler = root / "filler"
        store = FeatureStore(root, shard_bytes=2 * 2048 * 24 * 2)

        def fill(rows: int) -> None:
            if rows > 3000 and not filler.exists():
                descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT)
                with suppress(OSError):
                    while True:
                        os.write(descriptor, bytes(4096))
                os.close(descriptor)

        with pytest.raises(CacheError, match=r"No space left on device.*kept"):
            extract_split(
                TextTeacher(),
                texts(5000),
                store=store,
                progress=Watch(fill),
                settings=ExtractionSettings(device="cpu"),
            )
        filler.unlink()
        done: list[int] = []
        extract_split(
            TextTeacher(),
            texts(5000),
            store=store,
            progress=Watch(done.append),
            settings=ExtractionSettings(device="cpu"),
        )
        assert done[0] >= 2048
        assert files_of(root) == whole
    finally:
        subprocess.run(["umount", str(root)], check=True)


def test_a_killed_writers_lock_is_free(tmp_path):
    process = start(tmp_path, "--pause", "0.05", "--workers", "1")
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.readline()
    (entry,) = FeatureStore(tmp_path).entries()
    assert entry.in_use
    assert FeatureStore(tmp_path).prune(PruneRule(everything=True)).in_use == (entry,)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    begin = time.monotonic()
    finish(tmp_path)
    assert time.monotonic() - begin < 8


def test_waiting_for_another_process_is_reported(tmp_path):
    process = start(tmp_path, "--pause", "0.02")
    assert process.stdout is not None
    process.stdout.readline()
    watch = Watch()
    store = FeatureStore(tmp_path, shard_bytes=2 * 2048 * 24 * 2)
    settings = ExtractionSettings(device="cpu")
    extract_split(TextTeacher(), texts(5000), store=store, settings=settings, progress=watch)
    process.communicate()
    (line,) = watch.notes
    assert line.startswith("waiting for another process that extracts these features: it holds ")
    assert watch.labels == []


def test_a_writer_is_not_needed_twice(tmp_path):
    store, split = FeatureStore(tmp_path), texts(40)
    features = extract_split(TextTeacher(), split, store=store)
    with store.writer(features.key, ids=split.ids, width=24) as writer:
        assert isinstance(writer, FeatureWriter)
        assert writer.complete
        assert not writer.missing
