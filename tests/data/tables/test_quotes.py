"""Quoted values that span lines or end irregularly, against a reader in plain Python."""

import random

import pytest

from tutelage.data.tables.quotes import Quotes, scan_quotes


def scan(text: str, **options) -> Quotes:
    return scan_quotes(memoryview(text.encode()), **{"delimiter": ",", **options})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('a,b\n"x",1\nhe said "no", ok\n', Quotes()),
        ('"a ""b"", c",1\n', Quotes()),
        ('"a\nb\r\nc",1\n', Quotes(spanning=1, line_ends=2)),
        ('a\n"b" c\n"d" e\n', Quotes(loose=2, loose_at=2)),
        ('"b" c\n"d" e\n', Quotes(loose=2, loose_at=0)),
        ('a,"b\nc" d,e\n', Quotes(broken_at=2)),
        ('a,"b\n', Quotes(broken_at=2)),
        ('a,"b', Quotes(broken_at=2)),
        ("", Quotes()),
    ],
)
def test_what_is_found(text, expected):
    assert scan(text) == expected
    assert expected.regular == (not expected.loose and expected.broken_at is None)


def test_an_escape_takes_a_mark_literally():
    assert scan('"a \\"b\\", c",1\n', escape="\\") == Quotes()
    assert scan('"a \\"b\\", c",1\n').loose == 1
    assert scan('\\"a\nb,"c\n', escape="\\").broken_at == 6


def reference(text: str) -> Quotes:
    """The same by a state machine, one character at a time."""
    spanning = line_ends = loose = loose_at = place = 0
    while place < len(text):
        if text[place] == '"' and (place == 0 or text[place - 1] in ",\n"):
            start, inner = place, 0
            place += 1
            while place < len(text) and (text[place] != '"' or text[place : place + 2] == '""'):
                inner += text[place] == "\n"
                place += 2 if text[place] == '"' else 1
            closed = place < len(text)
            place += 1
            rest = place < len(text) and text[place] not in ",\n"
            while place < len(text) and text[place] not in ",\n":
                place += 1
            if not closed or (inner and rest):
                return Quotes(spanning, line_ends, loose, loose_at, start)
            if inner:
                spanning, line_ends = spanning + 1, line_ends + inner
            elif rest:
                loose_at = loose_at if loose else start
                loose += 1
        else:
            place += 1
    return Quotes(spanning, line_ends, loose, loose_at)


def test_random_texts():
    draw = random.Random(0)
    for _ in range(3000):
        text = "".join(draw.choices('",\na', k=draw.randrange(14)))
        assert scan(text) == reference(text), repr(text)
