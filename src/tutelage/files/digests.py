"""Digests of content and of files."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["canonical", "digest_of", "file_digest", "with_digest", "without_digest"]


def canonical(content: Any) -> bytes:
    """Return the one JSON text of some content: sorted keys, no spaces, UTF-8."""
    return json.dumps(
        content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def with_digest(content: Mapping[str, Any]) -> str:
    """Return the JSON text of some content and its digest, which ``without_digest`` compares.

    Example:
        >>> without_digest(with_digest({"a": 1}))
        {'a': 1}
    """
    return json.dumps({**content, "digest": digest_of(canonical(content))}, indent=2) + "\n"


def without_digest(text: str | bytes) -> Any:
    """Return the content of a JSON text. One without a digest is taken as it is.

    Raises:
        ValueError: If the text is no JSON, or its content does not match its digest.

    Example:
        >>> without_digest(with_digest({"a": 1}).replace("1", "2"))
        Traceback (most recent call last):
        ValueError: it was changed: its content does not match its digest
    """
    content = json.loads(text)
    digest = content.pop("digest", None) if isinstance(content, dict) else None
    if digest is not None and digest != digest_of(canonical(content)):
        raise ValueError("it was changed: its content does not match its digest")
    return content


def file_digest(path: Path) -> str:
    """Return the digest of a file's bytes, of the kind of ``digest_of``."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()


def digest_of(content: bytes | memoryview) -> str:
    """Return the 128-bit BLAKE2b digest in hexadecimal."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()
