"""Training and probing inside a memory limit, on cached features of eight times that size.

Run it from the repository, as root on a machine with memory cgroups, with

    python benchmarks/bounded.py

It writes 8.2 GB to a temporary folder (``--folder``), and removes them: the features of a
``noise:`` teacher, 8,192 columns of 500,000 made-up rows of text. ``tutelage train`` (AFT, 200 steps
of 64 rows) and ``tutelage probe`` then run each in a cgroup of 1.02 GB, mapped pages included: the
kernel ends a process that cannot do with less. What extraction left of the files in the page cache
is dropped before, else it would not count. Anonymous memory is sampled from ``/proc``.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import PreTrainedTokenizerFast

CGROUPS = (Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory"))
LIMITS = ("memory.max", "memory.limit_in_bytes")
WORDS = ("good", "bad", "long", "short", "film", "book", "[PAD]", "[UNK]")

CONFIG = """
[data]
source = "table:rows"
[[teachers]]
source = "noise:{columns}"
[student]
source = "python:tutelage.demo.student:reader"
params = {{ width = 32 }}
input = {{ tokenizer = "words", max_length = 8 }}
[transfer]
method = "aft"
[train]
steps = 200
batch_size = 64
workers = 0
scored_rows = 1000
"""


def write_task(folder: Path, *, rows: int, columns: int) -> None:
    """Write made-up rows, a tokenizer of their words, and a config."""
    for split, number in (("train", rows), ("test", 1000)):
        (folder / "rows").mkdir(exist_ok=True)
        texts = [f"{WORDS[n % 2]} {WORDS[2 + n // 2 % 2]} film" for n in range(number)]
        labels = [WORDS[n % 2] for n in range(number)]
        pq.write_table(pa.table({"text": texts, "label": labels}), folder / f"rows/{split}.parquet")
    words = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]").save_pretrained(
        folder / "words"
    )
    (folder / "config.toml").write_text(CONFIG.format(columns=columns))


@contextmanager
def cgroup(limit: int) -> Iterator[Path]:
    """A cgroup of this much memory.

    Raises:
        SystemExit: If this machine lets none be made.
    """
    for root, name in zip(CGROUPS, LIMITS, strict=True):
        group = root / f"tutelage-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            if (group / name).exists():
                (group / name).write_text(str(limit))
                yield group
                return
        finally:
            group.rmdir()
    raise SystemExit("no memory cgroup can be made here: run it as root, where there are cgroups")


def within(group: Path, command: list[str], *, folder: Path) -> dict[str, object]:
    """Run a command in a cgroup: its exit status, seconds, and peak of anonymous memory in MB."""
    start, peak = time.perf_counter(), 0.0
    enter = f'echo $$ > {group}/cgroup.procs; exec "$@"'
    with subprocess.Popen(["sh", "-c", enter, "sh", *command], cwd=folder) as process:
        while process.poll() is None:
            peak = max(peak, _anonymous(process.pid))
            time.sleep(0.1)
    seconds = round(time.perf_counter() - start, 1)
    return {"status": process.returncode, "seconds": seconds, "anonymous_MB": round(peak, 1)}


def forget(folder: Path) -> None:
    """Drop a folder's files from the page cache, so that whoever reads them next pays for it."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _anonymous(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has just ended
        return 0.0
    sizes = [int(line.split()[1]) for line in lines if line.startswith("RssAnon:")]
    return sum(sizes) * 1024 / 1e6


def main() -> None:
    """Extract without a limit, train and probe within it, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where to write; by default the system's")
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--columns", type=int, default=8192)
    options = parser.parse_args()
    size = options.rows * options.columns * 2
    limit = size // 8
    report: dict[str, object] = {"cache_MB": size // 10**6, "limit_MB": limit // 10**6}
    tutelage = [sys.executable, "-m", "tutelage"]
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        os.environ["TUTELAGE_CACHE"] = str(folder / "cache")
        write_task(folder, rows=options.rows, columns=options.columns)
        subprocess.run([*tutelage, "extract", "config.toml"], cwd=folder, check=True)
        forget(folder)
        with cgroup(limit) as group:
            train = [*tutelage, "train", "config.toml", "--out", "run"]
            report["train"] = within(group, train, folder=folder)
            report["probe"] = within(group, [*tutelage, "probe", "config.toml"], folder=folder)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
