"""What a set of cached features is a function of, and the digest that names it."""

import hashlib
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from tutelage.data.base import Split
from tutelage.errors import CacheError
from tutelage.files import canonical, digest_of

__all__ = ["FORMAT", "Dtype", "FeatureKey", "rows_digest"]

FORMAT = 1
"""Version of the files' layout; it is part of the key, so that an old layout is never misread."""

Dtype = Literal["float16", "float32"]


@dataclass(frozen=True)
class FeatureKey:
    """Everything that changes a number in cached features.

    Two processes, or two machines, that extract the same features have the same key: it holds
    strings and numbers only, and no path, time or bytecode.

    Attributes:
        source: Identity of the teacher: its name, a digest of its weights, its preparation.
        split: Name of the split.
        rows: How many rows there are.
        content: Digest of the rows' ids and content, in their order; see ``rows_digest``.
        dtype: How numbers are stored.
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
        """The name of the folder that holds the features."""
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
        """The key that ``to_json`` wrote; a missing or unknown entry is a ``CacheError``."""
        try:
            return cls(**content)
        except TypeError as error:
            raise CacheError(f"key.json does not hold a key of cached features: {error}") from None

    def differences(self, other: "FeatureKey") -> list[str]:
        """Say in words where another key differs, for messages."""
        mine, theirs = _flat(self.to_json()), _flat(other.to_json())
        return [
            f"{name}: {mine.get(name, 'nothing')!s} here, {theirs.get(name, 'nothing')!s} there"
            for name in sorted(mine.keys() | theirs.keys())
            if mine.get(name) != theirs.get(name)
        ]


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in content.items() if name != "source"}
    return rest | {f"source.{name}": value for name, value in content["source"].items()}


_KNOWN: dict[int, tuple["weakref.ref[Split]", str]] = {}


def rows_digest(split: Split) -> str:
    """Return the digest of all ids and contents of a split, in order.

    Every row's undecoded content is read once in a process for a split, however many teachers
    there are.

    Raises:
        CacheError: If two rows have the same id.
    """
    known = _KNOWN.get(id(split))
    if known is not None and known[0]() is split:
        return known[1]
    refuse_duplicates(split.ids)
    total = hashlib.blake2b(digest_size=16)
    for index, name in enumerate(split.ids):
        for content in (name.encode(), split.rows.content(index)):
            # The length goes first: "ab" + "c" must not look like "a" + "bc".
            total.update(len(content).to_bytes(8, "little"))
            total.update(content)
    digest = total.hexdigest()
    _KNOWN[id(split)] = (weakref.ref(split), digest)
    weakref.finalize(split, _KNOWN.pop, id(split), None)
    return digest


def refuse_duplicates(ids: Sequence[str]) -> None:
    """Raise a ``CacheError`` naming the first id that two rows share."""
    if len(set(ids)) == len(ids):
        return
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise CacheError(f"two rows have the id {name!r}; every row needs an id of its own")
        seen.add(name)
