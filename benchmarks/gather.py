"""Reading cached features: time of random rows against memory, and the memory that it takes.

Run it from the repository with

    python benchmarks/gather.py

It writes 4 GB of features to a temporary folder (``--folder``), and removes them. Times are
medians over batches of 128 random rows of 1,536 float16 columns, one thread, cache and memory in
turns. ``large_read`` is the way that is left where files cannot be mapped
(``FeatureStore(mapped=False)``). ``large_cold`` drops the files from memory before: its gathers wait
for the disk, with and without asking for their rows first. Anonymous memory is what the kernel
cannot drop; mapped pages it can.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from tutelage.cache import FeatureKey, Features, FeatureStore, PruneRule, readahead

BATCH, WIDTH = 128, 1536


def anonymous() -> float:
    """Anonymous memory of this process in MB: resident without mapped files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) * 1024 / 1e6
    raise OSError("no RssAnon in /proc/self/status")


def filled(store: FeatureStore, rows: int) -> Features:
    """Cache features of so many made-up rows."""
    key = FeatureKey({"source": "made up"}, split="train", rows=rows, content="0")
    ids = [str(i) for i in range(rows)]
    some = torch.randn(4096, WIDTH, generator=torch.Generator().manual_seed(0))
    with store.writer(key, ids=ids, width=WIDTH) as writer:
        for part in list(writer.missing):
            writer.write(part, some[: len(writer.layout.part(part))])
        writer.finish()
    found = store.open(key, ids)
    assert found is not None
    return found


def in_turns(
    first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], rows: int, times: int
) -> tuple[list[float], list[float]]:
    """Seconds of each call, one after the other on batches of their own."""
    draw = torch.Generator().manual_seed(1)
    taken: tuple[list[float], list[float]] = ([], [])
    for turn in range(times + 50):
        for function, seconds in zip((first, second), taken, strict=True):
            batch = torch.randint(0, rows, (BATCH,), generator=draw)
            start = time.perf_counter()
            function(batch)
            if turn >= 50:
                seconds.append(time.perf_counter() - start)
    return taken


def compare(features: Features, memory: Tensor, *, repeats: int = 5) -> dict[str, object]:
    """Median time of a gather from the cache, from memory, and their ratio in each repeat."""
    ratios, cache_us, memory_us = [], [], []
    for _ in range(repeats):
        cache, ram = in_turns(
            features.gather, lambda batch: memory.index_select(0, batch), len(features), 400
        )
        cache_us.append(statistics.median(cache) * 1e6)
        memory_us.append(statistics.median(ram) * 1e6)
        ratios.append(cache_us[-1] / memory_us[-1])
    return {
        "cache_us": round(statistics.median(cache_us), 1),
        "memory_us": round(statistics.median(memory_us), 1),
        "ratio": round(statistics.median(ratios), 2),
        "ratios": [round(ratio, 2) for ratio in sorted(ratios)],
    }


def cold(
    reopen: Callable[[], Features], *, repeats: int = 3, batches: int = 40
) -> dict[str, float]:
    """Median time of a gather whose rows are not in memory, where they are asked for and where not."""
    asked, taken = readahead.ASKED, dict[int, list[float]]()
    for repeat in range(repeats):
        for times in (asked, 0):
            readahead.ASKED = times
            features, draw = reopen(), torch.Generator().manual_seed(repeat)
            forget(features)
            for number in range(batches):
                batch = torch.randint(0, len(features), (BATCH,), generator=draw)
                start = time.perf_counter()
                features.gather(batch)
                if number:  # the first one finds out
                    taken.setdefault(times, []).append(time.perf_counter() - start)
            features.close()
    readahead.ASKED = asked
    first, second = (statistics.median(taken[times]) * 1e3 for times in (asked, 0))
    return {
        "asked_ms": round(first, 1),
        "unasked_ms": round(second, 1),
        "ratio": round(first / second, 2),
    }


def forget(features: Features) -> None:
    """Drop the files from the page cache."""
    os.sync()
    for path in features.folder.iterdir():
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def growth(reading: Iterator[None]) -> float:
    """How far anonymous memory rises above where it was, sampled where the reading pauses."""
    before = anonymous()
    highest = before
    for _ in reading:
        highest = max(highest, anonymous())
    return round(highest - before, 1)


def in_blocks(features: Features) -> Iterator[None]:
    """Read everything in order."""
    for number, _ in enumerate(features.blocks()):
        if number % 8 == 0:
            yield


def shuffled(features: Features) -> Iterator[None]:
    """Read everything once in random order, in batches."""
    order = torch.randperm(len(features), generator=torch.Generator().manual_seed(2))
    for number, batch in enumerate(order.split(BATCH)):
        features.gather(batch)
        if number % 100 == 0:
            yield


def main() -> None:
    """Measure small and large features, and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", help="where to write; by default the system's")
    parser.add_argument("--gigabytes", type=float, default=4.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    large = int(options.gigabytes * 1e9) // (WIDTH * 2)
    report: dict[str, object] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        store = FeatureStore(folder)
        for name, rows in (("rows_40k_120MB", 40_000), ("rows_300k_920MB", 300_000)):
            features = filled(store, rows)
            memory = torch.cat(list(features.blocks()))
            report[name] = compare(features, memory)
            features.close()
            del memory
            store.prune(PruneRule(everything=True))
        features = filled(store, large)
        report["large_rows"] = large
        report["large_MB_blocks_anonymous_growth"] = growth(in_blocks(features))
        report["large_MB_shuffled_anonymous_growth"] = growth(shuffled(features))
        memory = torch.cat(list(features.blocks()))
        report["large"] = compare(features, memory)
        report["large_read"] = compare(
            FeatureStore(folder, mapped=False).open(features.key), memory
        )
        features.close()
        report["large_cold"] = cold(lambda: FeatureStore(folder).open(features.key))
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
