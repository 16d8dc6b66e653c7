"""Files of a finished entry: the manifest with sizes and digests, ids, statistics, and the key."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, from_numpy, tensor

from tutelage.cache.key import FeatureKey
from tutelage.cache.layout import Layout, read_header
from tutelage.cache.statistics import RowCounts, RunningMoments
from tutelage.errors import CacheError
from tutelage.files import canonical, digest_of, file_digest, write_atomically

__all__ = [
    "IDS",
    "JOURNAL",
    "KEY",
    "MANIFEST",
    "STATISTICS",
    "FileRecord",
    "Manifest",
    "id_lines",
    "read_key",
]

KEY = "key.json"
MANIFEST = "manifest.json"
IDS = "ids.jsonl"
STATISTICS = "statistics.safetensors"
JOURNAL = "progress.jsonl"


@dataclass(frozen=True)
class FileRecord:
    """Name, size and digest of a file."""

    name: str
    bytes: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """Contents of a finished entry.

    Attributes:
        key: Digest of the key.
        layout: Parts and files.
        files: Every file except ``key.json`` and the manifest.
        computed: Precision and kind of device of the process that finished the folder. Features of
            several devices agree to the precision that they are stored in, so this is not in the key.
        source: The teacher as the config of that process named it; for listings only.
    """

    key: str
    layout: Layout
    files: tuple[FileRecord, ...]
    computed: str = ""
    source: str = ""

    @property
    def bytes(self) -> int:
        """Size of all files together."""
        return sum(file.bytes for file in self.files)

    def record(self, name: str) -> FileRecord:
        """Return size and digest of the file with this name."""
        return next(file for file in self.files if file.name == name)

    def write(self, folder: Path) -> None:
        """Write ``manifest.json``, which makes the entry complete."""
        content: dict[str, Any] = {
            "key": self.key,
            "layout": vars(self.layout),
            "files": [vars(file) for file in self.files],
            "computed": self.computed,
        }
        if self.source:
            content["source"] = self.source
        content["digest"] = digest_of(canonical(content))
        write_atomically(folder / MANIFEST, json.dumps(content, indent=1).encode() + b"\n")

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read ``manifest.json`` and check it against the digest in it.

        Raises:
            CacheError: If the file is damaged.
        """
        path = folder / MANIFEST
        try:
            content = json.loads(path.read_bytes())
            digest = content.pop("digest")
            if digest != digest_of(canonical(content)):
                raise CacheError(f"{path} was changed: its content does not match its digest")
            files = tuple(FileRecord(**file) for file in content["files"])
            if odd := [file.name for file in files if Path(file.name).name != file.name]:
                raise CacheError(f"{path} names {odd[0]!r}, which is no file of its folder")
            return cls(
                key=content["key"],
                layout=Layout(**content["layout"]),
                files=files,
                computed=content.get("computed", ""),
                source=content.get("source", ""),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CacheError(f"{path} is damaged: {error}") from error

    def check(self, folder: Path) -> None:
        """Check names, sizes and headers of all files, without reading the numbers.

        Raises:
            CacheError: If a file is wrong; the message names the first one.
        """
        for shard in range(self.layout.shards):
            name = self.layout.name(shard)
            header = self.layout.header(shard, key=self.key)
            read_header(folder / name, expected=header, size=self.record(name).bytes)
        for file in self.files:
            path = folder / file.name
            size = path.stat().st_size if path.is_file() else None
            if size != file.bytes:
                problem = (
                    "is missing" if size is None else f"has {size} bytes instead of {file.bytes}"
                )
                raise CacheError(f"{path} {problem}")


def read_key(folder: Path) -> FeatureKey:
    """Read ``key.json`` and check that its digest is the folder's name.

    Raises:
        CacheError: If the file is missing or damaged, or holds another key.
    """
    path = folder / KEY
    try:
        key = FeatureKey.from_json(json.loads(path.read_bytes()))
    except FileNotFoundError:
        raise CacheError(f"{path} is missing") from None
    except (ValueError, AttributeError) as error:
        raise CacheError(f"{path} is damaged: {error}") from error
    if key.digest != folder.name:
        raise CacheError(
            f"{path} holds another key than the folder is named after: the file or the folder was changed"
        )
    return key


def id_lines(ids: Sequence[str]) -> Iterator[bytes]:
    """Yield the content of ``ids.jsonl`` in pieces: one JSON string a line."""
    names = iter(ids)
    while block := list(islice(names, 4096)):
        # A list with line breaks as separators, without its brackets: a fast way to JSON lines.
        yield json.dumps(block, ensure_ascii=False, separators=("\n", ":"))[1:-1].encode() + b"\n"


def lines_digest(ids: Sequence[str]) -> str:
    """Return the digest of the ``ids.jsonl`` of these ids."""
    total = hashlib.blake2b(digest_size=16)
    for lines in id_lines(ids):
        total.update(lines)
    return total.hexdigest()


def read_ids(folder: Path) -> list[str]:
    """Read ``ids.jsonl``.

    Raises:
        CacheError: If the file is damaged.
    """
    try:
        with (folder / IDS).open("rb") as file:
            return [json.loads(line) for line in file]
    except ValueError as error:
        raise CacheError(f"{folder / IDS} is damaged: {error}") from error


def write_statistics(folder: Path, moments: RunningMoments, counts: RowCounts) -> None:
    """Write ``statistics.safetensors``: mean and standard deviation in float64, counts of rows."""
    content = {
        "mean": from_numpy(moments.mean),
        "std": from_numpy(moments.std),
        "row_counts": tensor([counts.zero, counts.first_zero, counts.repeated]),
    }
    write_atomically(folder / STATISTICS, save(content))


def read_statistics(folder: Path, *, width: int) -> tuple[Tensor, Tensor, RowCounts | None]:
    """Read mean and standard deviation of each column from ``statistics.safetensors``.

    The counts of rows are None in entries that version 0.1 wrote.

    Raises:
        CacheError: If the file is damaged.
    """
    try:
        statistics = load((folder / STATISTICS).read_bytes())
        mean, std = statistics["mean"], statistics["std"]
        counts = statistics.get("row_counts")
    except (OSError, SafetensorError, KeyError) as error:
        raise CacheError(f"{folder / STATISTICS} is damaged: {error}") from error
    if mean.shape != (width,) or std.shape != (width,):
        raise CacheError(
            f"{folder / STATISTICS} has {tuple(mean.shape)} columns instead of {width}"
        )
    return mean, std, None if counts is None else RowCounts(*counts.tolist())


def records(folder: Path, names: Iterable[str]) -> list[FileRecord]:
    """Return size and digest of each file."""
    return [
        FileRecord(name, (folder / name).stat().st_size, file_digest(folder / name))
        for name in names
    ]
