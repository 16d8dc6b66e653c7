"""Files of a table source: which file, or which shards, are a split."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tutelage.data.tables.encodings import COMPRESSED
from tutelage.errors import DataError, did_you_mean

__all__ = ["BINARY", "FORMATS", "TableFiles", "find_files", "table_kind"]

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
"""Endings of tables, and what they are read as. Text files may be compressed (``.csv.gz``)."""
BINARY = frozenset({"parquet", "arrow"})

_SHARD = re.compile(r"(?P<split>.+?)[-_.](?P<number>\d{3,})-of-(?P<count>\d{3,})(-[0-9a-f]+)?")
_PART = re.compile(r"(?P<split>part|.+?(?=[-_]\d{12}$))[-_](?P<number>\d{4,})(?:[-.].*)?")
_UNREAD = {".xlsx", ".xls", ".ods", ".zip", ".7z", ".rar", ".tar", ".zst", ".lz4"} | {
    *(".orc", ".avro", ".pkl", ".pickle", ".sqlite", ".db", ".h5"),
}


@dataclass(frozen=True)
class TableFiles:
    """Files of each split.

    Attributes:
        splits: The files of each split, shards in their order.
        notes: What lies beside them and is not read, and which splits have shards.
    """

    splits: dict[str, tuple[Path, ...]]
    notes: tuple[str, ...] = ()


def table_kind(file: Path) -> tuple[str, str] | None:
    """Return what a file is read as and its name without endings, or None if it is no table.

    Example:
        >>> table_kind(Path("reviews/train.csv.gz"))
        ('csv', 'train')
    """
    name = Path(file.stem) if file.suffix.lower() in COMPRESSED else file
    kind = FORMATS.get(name.suffix.lower())
    if kind is None or (kind in BINARY and name != file):
        return None
    return kind, name.stem


def find_files(path: Path) -> TableFiles:
    """Return the files of each split: one file, or those of a folder by their names.

    Files such as ``train-00000-of-00002.parquet`` are shards of one split, as are ``part-00000…``
    of a folder that is named like a file.

    Raises:
        DataError: If there are no tables, two of one split, or a shard is missing.
    """
    known = ", ".join(FORMATS)
    if path.is_file():
        if (kind := table_kind(path)) is None:
            raise DataError(f"{path} is not a table; known endings are {known}{_save_as(path)}")
        return TableFiles({kind[1]: (path,)})
    if not path.is_dir():
        siblings = [p.name for p in path.parent.glob("*")] if path.parent.is_dir() else []
        raise DataError(f"there is no table {path}{did_you_mean(path.name, siblings)}")
    members: dict[str, list[_Member]] = {}
    unread = []
    for file in sorted(path.iterdir()):
        kind = table_kind(file)
        if file.name.startswith("."):
            continue
        if kind is None:
            unread += [file] if _save_as(file) else []
        elif file.is_dir():
            members.setdefault(kind[1], []).extend(_parts(file, kind[1]))
        else:
            member = _Member.of_name(file, kind[1])
            members.setdefault(member.split, []).append(member)
    if not members:
        seen = f"; there is {unread[0].name}{_save_as(unread[0])}" if unread else ""
        raise DataError(f"the folder {path} has no tables; known endings are {known}{seen}")
    for shards in members.values():
        _check_shards(shards)
    notes = [f"{file.name} is not read: its ending is no known table's" for file in unread]
    notes += [f"{split}: {len(s)} shards" for split, s in members.items() if len(s) > 1]
    return TableFiles(
        {s: tuple(m.file for m in shards) for s, shards in members.items()}, tuple(notes)
    )


@dataclass(frozen=True)
class _Member:
    """A file of a split; a shard has a number, and the number of all shards if its name says it."""

    file: Path
    split: str
    shard: int | None = None
    of: int | None = None

    @classmethod
    def of_name(cls, file: Path, stem: str) -> "_Member":
        if match := _SHARD.fullmatch(stem):
            return cls(file, match["split"], int(match["number"]), int(match["count"]))
        if match := _PART.fullmatch(stem):
            return cls(file, match["split"], int(match["number"]))
        return cls(file, stem)


def _parts(folder: Path, split: str) -> list[_Member]:
    """Files of a table that is a folder, as Spark writes them."""
    files = [file for file in sorted(folder.iterdir()) if table_kind(file)]
    if not files or not all(_PART.fullmatch(file.name) and file.is_file() for file in files):
        raise DataError(
            f"{folder} is a folder, not a table; name a folder whose files are tables, or give this "
            "one another name"
        )
    return [_Member(file, split, number) for number, file in enumerate(files)]


def _check_shards(shards: Sequence[_Member]) -> None:
    """Refuse two tables of one split, and shards of which one is missing."""
    first = shards[0]
    numbers = [shard.shard for shard in shards]
    if len(shards) > 1 and (None in numbers or len(set(numbers)) < len(numbers)):
        other = next(s for s in shards[1:] if None in numbers or s.shard in numbers[:1])
        raise DataError(
            f"{first.file} and {other.file} are both a table of the split {first.split!r}; remove one"
        )
    counts = {shard.of for shard in shards} - {None}
    if not counts:
        return
    if len(counts) > 1 or (missing := sorted(set(range(first.of or 0)) - set(numbers))):
        problem = f"shard {missing[0]} is missing" if len(counts) == 1 else "their counts differ"
        raise DataError(
            f"{first.file.parent} has {len(shards)} of {first.of} shards of the split {first.split!r}: "
            f"{problem}"
        )


def _save_as(file: Path) -> str:
    return "; save it as csv or parquet" if file.suffix.lower() in _UNREAD else ""
