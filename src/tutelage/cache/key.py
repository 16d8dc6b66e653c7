"""Key of cached features: everything that changes a number in them, and its digest."""

import hashlib
import json
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from tutelage.data.base import Split
from tutelage.errors import CacheError
from tutelage.files import canonical, digest_of

__all__ = ["FORMAT", "Dtype", "FeatureKey", "rows_digest"]

FORMAT = 1
"""Version of the files' layout. It is part of the key, so files of another version are never read."""

_LONGEST = 40
"""Characters of a value in a message; a digest has 32."""

Dtype = Literal["float16", "float32"]


@dataclass(frozen=True)
class FeatureKey:
    """Everything that changes a number in cached features.

    Processes and machines that extract the same features have the same key: it holds only strings and
    numbers, and no path, time or bytecode.

    Attributes:
        source: Identity of the teacher: digests of its weights and of its preprocessing.
        split: Name of the split.
        rows: Number of rows.
        content: Digest of the rows' ids and content, in their order; see ``rows_digest``.
        dtype: Dtype of the stored numbers.
        format: Version of the files' layout.

    Example:
        >>> key = FeatureKey({"name": "timm:resnet18"}, split="train", rows=2, content="ab")
        >>> key.digest
        'b808cb070c8ecf2eaff816156ac94d61'
    """

    source: Mapping[str, str]
    split: str = field(kw_only=True)
    rows: int = field(kw_only=True)
    content: str = field(kw_only=True)
    dtype: Dtype = field(default="float16", kw_only=True)
    format: int = field(default=FORMAT, kw_only=True)

    @property
    def digest(self) -> str:
        """Digest of the key; the name of the entry's folder."""
        return digest_of(canonical(self.to_json()))

    def to_json(self) -> dict[str, Any]:
        """The content of ``key.json``."""
        return {
            "format": self.format,
            "source": dict(self.source),
            "split": self.split,
            "rows": self.rows,
            "content": self.content,
            "dtype": self.dtype,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "FeatureKey":
        """Return the key that ``to_json`` wrote.

        Raises:
            CacheError: If a value is missing or unknown.
        """
        try:
            return cls(**content)
        except TypeError as error:
            raise CacheError(f"key.json does not hold a key of cached features: {error}") from None

    def differences(self, other: "FeatureKey") -> list[str]:
        """Return the differences from another key in words, setting by setting, for messages.

        Example:
            >>> one = FeatureKey({"config": '{"layers": 2, "width": 8}'}, split="train", rows=2, content="")
            >>> other = FeatureKey({"config": '{"layers": 4, "width": 8}'}, split="train", rows=2, content="")
            >>> one.differences(other)
            ['source.config.layers: 2 here, 4 there']
        """
        here, there = dict(_flat(self.to_json())), dict(_flat(other.to_json()))
        return [
            f"{name}: {one} here, {two} there"
            for name in sorted(here.keys() | there.keys())
            if (a := here.get(name, "nothing")) != (b := there.get(name, "nothing"))
            for one, two in [_shortened(a, b)]
        ]


def _flat(content: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value with its path, also those in objects of JSON."""
    for name, value in content.items():
        if isinstance(value, str) and value.startswith("{"):
            with suppress(ValueError):
                value = json.loads(value)
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", str(value)


def _shortened(one: str, other: str) -> tuple[str, str]:
    """Cut two different values to a length that a line has room for, where they differ."""
    if max(len(one), len(other)) <= _LONGEST:
        return one, other
    pairs = zip(one, other, strict=False)
    same = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
    start = 0 if same < _LONGEST // 2 else same - _LONGEST // 4
    return _cut(one, start), _cut(other, start)


def _cut(value: str, start: int) -> str:
    end = start + _LONGEST
    return f"{'…' * (start > 0)}{value[start:end]}{'…' * (len(value) > end)}"


_DIGESTS: dict[int, tuple["weakref.ref[Split]", str]] = {}
"""Digests of the splits that are alive, by ``id``.

A module global on purpose: a split is a frozen record that knows nothing of the cache, and cannot be
hashed (it holds a tensor). Without this memory, a run with five teachers would read all images from disk
five times before it extracts anything. The weak reference guards against an ``id`` that is used again.
"""


def rows_digest(split: Split) -> str:
    """Return the digest of all ids and contents of a split, in order.

    The undecoded content of every row is read once per process and split, however many teachers there
    are.

    Raises:
        CacheError: If two rows have the same id.
    """
    reference, digest = _DIGESTS.get(id(split), (None, ""))
    if reference is not None and reference() is split:
        return digest
    refuse_duplicates(split.ids)
    total = hashlib.blake2b(digest_size=16)
    for index, name in enumerate(split.ids):
        for content in (name.encode(), split.rows.content(index)):
            # The length comes first, so that "ab" + "c" differs from "a" + "bc".
            total.update(len(content).to_bytes(8, "little"))
            total.update(content)
    digest = total.hexdigest()
    _DIGESTS[id(split)] = (weakref.ref(split), digest)
    weakref.finalize(split, _DIGESTS.pop, id(split), None)
    return digest


def refuse_duplicates(ids: Sequence[str]) -> None:
    """Raise a ``CacheError`` naming the first id that two rows share."""
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise CacheError(f"two rows have the id {name!r}; ids must be unique")
        seen.add(name)
