"""Damage to the bytes of a file, as disks, transfers and editors do it."""

import random
from collections.abc import Callable, Sequence

__all__ = ["mutated"]

TOKENS = (b"", b"\0", b"\n", b"\r\n", b" ", b"-1", b"1e999", b"99999999999999999999", b"nan")


def mutated(content: bytes, draw: random.Random, *, tokens: Sequence[bytes] = ()) -> bytes:
    """Return content that is damaged in one to four places; it always differs.

    Args:
        content: What an undamaged file holds.
        draw: Decides all.
        tokens: Pieces that mean something in the file's format.
    """
    damaged = content
    while damaged == content:
        for _ in range(draw.choice([1, 1, 1, 2, 4])):
            damaged = draw.choice(WAYS)(damaged, draw, (*TOKENS, *tokens))
    return damaged


def _slice(content: bytes, draw: random.Random) -> tuple[int, int]:
    start = draw.randint(0, len(content))
    return start, min(len(content), start + draw.choice([1, 1, 2, 8, 64, 512]))


def _flip(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    if not content:
        return content
    place = draw.randrange(len(content))
    return content[:place] + bytes([content[place] ^ 1 << draw.randrange(8)]) + content[place + 1 :]


def _noise(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    start, stop = _slice(content, draw)
    return content[:start] + draw.randbytes(stop - start) + content[stop:]


def _zeros(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    start, stop = _slice(content, draw)
    return content[:start] + bytes(stop - start) + content[stop:]


def _cut(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    return content[: draw.randint(0, len(content))]


def _remove(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    start, stop = _slice(content, draw)
    return content[:start] + content[stop:]


def _repeat(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    start, stop = _slice(content, draw)
    return content[:stop] + content[start:stop] + content[stop:]


def _move(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    start, stop = _slice(content, draw)
    rest = content[:start] + content[stop:]
    place = draw.randint(0, len(rest))
    return rest[:place] + content[start:stop] + rest[place:]


def _lengthen(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    return content + draw.choice([bytes(512), draw.randbytes(16), content])


def _token(content: bytes, draw: random.Random, tokens: Sequence[bytes]) -> bytes:
    place = draw.randint(0, len(content))
    rest = place + draw.choice([0, 0, 1, 4])
    return content[:place] + draw.choice(tokens) + content[rest:]


WAYS: Sequence[Callable[[bytes, random.Random, Sequence[bytes]], bytes]] = (
    *(_flip, _flip, _noise, _zeros, _cut, _remove, _repeat, _move, _lengthen),
    *(_token, _token, _token),
)
