"""Shortening of prompts that are too long: fields are cut, the longest first; literals stay."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import accumulate

from tutelage.errors import ConfigError
from tutelage.inputs.prompt import Prompt

__all__ = ["characters", "shared", "shortened"]

Span = tuple[int, int]


def shortened(
    prompt: Prompt,
    *,
    room: int,
    count: Callable[[str], int],
    spans: Callable[[str], Sequence[Span]],
) -> Prompt:
    """Return the prompt with its longest fields cut at the end, so that it fits.

    One token after another is taken from the field that is longest at that time. The result is
    tokenized again, because tokens at a cut may merge or split, and more is cut until it fits.

    Args:
        prompt: A prompt that is too long.
        room: Maximum number of tokens, without special ones.
        count: Function that counts the tokens of a text.
        spans: Function that returns the start and end of each token in a text; ``characters`` for a
            tokenizer without offsets.

    Raises:
        ConfigError: If the literals alone do not fit.

    Example:
        >>> import re
        >>> prompt = Prompt(("", " or ", "?"), ("good good good", "bad"))
        >>> words = lambda text: [(m.start(), m.end()) for m in re.finditer(r"\\w+|\\S", text)]
        >>> shortened(prompt, room=5, count=lambda text: len(words(text)), spans=words).text
        'good good or bad?'
    """
    ends = _ends(prompt, spans(prompt.text))
    lengths = [len(field) for field in ends]
    budget = sum(lengths) - (count(prompt.text) - room)
    while budget > 0:
        kept = shared(lengths, budget)
        cut = _cut(prompt, [field[n - 1] if n else 0 for field, n in zip(ends, kept, strict=True)])
        if (excess := count(cut.text) - room) <= 0:
            return cut
        budget -= excess
    bare = _cut(prompt, [0] * len(ends))
    if (alone := count(bare.text)) >= room:
        raise ConfigError(
            f"data.template alone takes {alone} tokens, and max_length has room for {max(room, 0)} "
            "beside special tokens, so nothing is left for its fields; shorten the template, or "
            "raise max_length"
        )
    return bare


def shared(lengths: Sequence[int], budget: int) -> list[int]:
    """Shorten the longest lengths one by one until their sum fits; the last of equals first.

    Example:
        >>> shared([9, 2, 5], 8)
        [3, 2, 3]
        >>> shared([9, 9], 5)
        [3, 2]
    """
    level = (
        bisect_right(range(budget + 1), budget, key=lambda n: sum(min(n, m) for m in lengths)) - 1
    )
    spare = budget - sum(min(level, length) for length in lengths)
    kept = []
    for length in lengths:
        more = int(length > level and spare > 0)
        kept.append(min(level, length) + more)
        spare -= more
    return kept


def characters(text: str) -> list[Span]:
    """Return the span of each character, once per byte, for tokenizers without offsets.

    A token may be as small as one byte.

    Example:
        >>> characters("né")
        [(0, 1), (1, 2), (1, 2)]
    """
    return [
        (place, place + 1)
        for place, character in enumerate(text)
        for _ in character.encode("utf-8", "surrogatepass")
    ]


def _ends(prompt: Prompt, spans: Sequence[Span]) -> list[list[int]]:
    """Return for each field the ends of its tokens, relative to the field's start."""
    borders = list(accumulate(map(len, prompt.pieces)))
    found: list[list[int]] = []
    for number in range(len(prompt.fields)):
        begin, end = borders[2 * number], borders[2 * number + 1]
        found.append([stop - begin for start, stop in spans if begin < stop <= end > start])
    return found


def _cut(prompt: Prompt, lengths: Sequence[int]) -> Prompt:
    fields = zip(prompt.fields, lengths, strict=True)
    return replace(prompt, fields=tuple(field[:length] for field, length in fields))
