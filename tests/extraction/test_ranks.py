"""Extraction by four processes: the bytes of one, and the same if one is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from tutelage.cache import FeatureStore
from tutelage.cache.handover import Handover
from tutelage.extraction import ExtractionSettings, extract_split
from tutelage.extraction.ranks import processes, rank

sys.path.insert(0, str(Path(__file__).parents[1] / "cache"))
from small_teachers import TextTeacher, texts

# The children end by os._exit, and take no lock that a thread of pytest's may hold.
pytestmark = pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)

ROWS, SHARD = 16_000, 2 * 2048 * 24 * 2
KILLS = int(os.environ.get("TUTELAGE_KILLS", "1"))
"""Kills to try; each is one extraction by four processes."""


def files_of(root: Path) -> dict[str, bytes]:
    """All files but the locks, by their path under the cache."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".locks" not in path.parts
    }


def start(root: Path, number: int) -> int:
    """Extract in a forked child, as one process of four; return its id."""
    if child := os.fork():
        return child
    status = 1
    try:
        os.environ |= {"RANK": str(number), "WORLD_SIZE": "4"}
        torch.set_num_threads(1)
        extract(root, TextTeacher(pause=0.01))
        status = 0
    finally:
        os._exit(status)


def extract(root: Path, teacher: TextTeacher, *, dtype: str = "float16"):
    return extract_split(
        teacher,
        texts(ROWS),
        store=FeatureStore(root, shard_bytes=SHARD),
        settings=ExtractionSettings(device="cpu", dtype=dtype),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> dict[str, bytes]:
    """The files that one process writes."""
    root = tmp_path_factory.mktemp("one")
    extract(root, TextTeacher())
    return files_of(root)


def test_the_launcher_says_how_many_processes_there_are(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    assert (processes(), rank()) == (1, 0)
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert (processes(), rank()) == (4, 3)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_process_leaves_its_parts_to_the_others(tmp_path, whole, seed):
    draw = random.Random(seed)
    running = [start(tmp_path, number) for number in range(4)]
    time.sleep(draw.uniform(0, 1.0))
    killed = draw.choice(running)
    os.kill(killed, signal.SIGKILL)
    ended = {process: os.waitpid(process, 0)[1] for process in running}
    assert [code for process, code in ended.items() if process != killed] == [0, 0, 0]
    assert files_of(tmp_path) == whole


def test_parts_that_were_handed_over_are_not_computed_again(tmp_path, whole, monkeypatch):
    """A whole job was killed: what its helpers handed over serves the next start."""
    features = extract(tmp_path / "donor", TextTeacher(), dtype="float32")
    (name,) = {Path(path).parts[0] for path in whole}
    handover = Handover(tmp_path / "cache" / name)
    for part in (1, 4):
        block = features.read(part * 2048, (part + 1) * 2048)
        handover.put(part, block, notes={"rows": 2048, "cut": 0, "length": 0})
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "0")
    again = TextTeacher()
    extract(tmp_path / "cache", again)
    assert sum(rows for rows, *_ in again.batches) == ROWS - 2 * 2048
    assert files_of(tmp_path / "cache") == whole
    assert handover.parts() == set()


def test_all_processes_compute(tmp_path, whole):
    """Each leaves as many rows to the others as these can take."""
    running = [start(tmp_path, number) for number in range(4)]
    handed: set[str] = set()
    while running:
        handed |= {path.name for path in tmp_path.rglob(".parts/*/*.safetensors")}
        ended, status = os.waitpid(-1, os.WNOHANG)
        if ended in running:
            running.remove(ended)
            assert status == 0
        time.sleep(0.005)
    assert len(handed) >= 3, "of the eight parts, by three of the four"
    assert files_of(tmp_path) == whole


def test_a_value_that_float16_cannot_hold_is_found_once(tmp_path, monkeypatch):
    """The others, who may not have met it, start over with the leader."""

    class Large(TextTeacher):
        def encode(self, batch):
            return super().encode(batch) * 1e6

    monkeypatch.setattr(sys.modules[__name__], "TextTeacher", Large)
    running = [start(tmp_path, number) for number in range(4)]
    assert [os.waitpid(process, 0)[1] for process in running] == [0] * 4
    (entry,) = FeatureStore(tmp_path).entries()
    assert (entry.status, entry.key.dtype) == ("complete", "float32")
    assert not list(tmp_path.rglob(".parts/*/*"))


CLAIMS = """
import sys, time
from pathlib import Path
from tutelage.cache.claims import PartClaims
claims = PartClaims(Path(sys.argv[1]))
claims.take([3], at_most=1)
print("held", flush=True)
time.sleep(600)
"""


def test_a_stopped_process_that_claims_a_part_is_told(tmp_path, whole, monkeypatch, once_told):
    monkeypatch.setattr("tutelage.extraction.ranks._TOLD_AFTER", 0.5)
    (name,) = {Path(path).parts[0] for path in whole}
    words = [sys.executable, "-c", CLAIMS, str(tmp_path / name)]
    told = []
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        other.send_signal(signal.SIGSTOP)

        def end(line: str) -> None:
            told.append(line)
            other.kill()

        once_told(end)
        monkeypatch.setenv("WORLD_SIZE", "4")
        monkeypatch.setenv("RANK", "0")
        extract(tmp_path, TextTeacher())
    (line,) = told
    assert "whose last parts (1) do not come: for 0.5 s they have held" in line
    assert str(tmp_path / ".locks" / f"{name}.parts") in line
    assert files_of(tmp_path) == whole
