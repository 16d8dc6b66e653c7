"""Label values become class names and class numbers."""

import math
from decimal import Decimal

import pytest

from tutelage.data.labels import (
    class_name,
    class_names,
    class_numbers,
    doubtful_classes,
    list_in_text,
    whole_numbers,
)
from tutelage.errors import DataError
from tutelage.tasks import UNLABELLED


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, None),
        ("", None),
        ("  ", None),
        (math.nan, None),
        (3, "3"),
        (3.0, "3"),
        (" b\t", "b"),
        (True, "True"),
        (Decimal("2.00"), "2"),
        (b"neg", "neg"),
    ],
)
def test_names_of_values(value, name):
    assert class_name(value, where="column 'label'") == name


@pytest.mark.parametrize("value", [0.5, ["a"], {"a": 1}, Decimal("0.5"), Decimal("NaN"), b"\xff"])
def test_values_that_are_no_class(value):
    with pytest.raises(DataError, match="column 'label' holds"):
        class_name(value, where="column 'label'")


def test_whole_numbers_are_sorted_as_numbers():
    assert class_names(["10", "9", "-1", None]) == ("-1", "9", "10")
    assert class_names(["10", "9", "x"]) == ("10", "9", "x")


def test_numbers_of_names():
    assert class_numbers(["b", None, "a"], ("a", "b"), split="test").tolist() == [1, UNLABELLED, 0]
    with pytest.raises(DataError, match=r"class 'c' occurs in the test rows .* 1 more such"):
        class_numbers(["c", "d"], ("a", "b"), split="test")


@pytest.mark.parametrize(
    ("train", "test", "expected"),
    [
        (["1.0", "0.0", None], ["1"], (["1", "0", None], ["1"])),
        (["-1.", "10"], ["10.00"], (["-1", "10"], ["10"])),
        (["007", "7"], [], (["007", "7"], [])),
        (["1.0", "1.5"], ["1"], (["1.0", "1.5"], ["1"])),
        (["1.0", "x"], ["1"], (["1.0", "x"], ["1"])),
        (["1e0", "1.0"], [], (["1e0", "1.0"], [])),
    ],
)
def test_whole_numbers_are_written_alike(train, test, expected):
    assert tuple(whole_numbers({"train": train, "test": test}).values()) == expected


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("['a', 'b']", ["a", "b"]),
        ('["it\'s", "b, c"]', ["it's", "b, c"]),
        (" [ 1, 2 ,] ", [1, 2]),
        ("('a',)", ["a"]),
        ("{'b', 'a'}", ["a", "b"]),
        ("[]", []),
        ("['a' 'b']", None),
        ("['a', b]", None),
        ("['a')", None),
        ("[f(1)]", None),
        ("a, b", None),
        ("[a]", None),
        ("", None),
    ],
)
def test_lists_in_texts(text, entries):
    assert list_in_text(text) == entries


def test_doubtful_classes():
    assert doubtful_classes(["a", "b", "1"]) == []
    case, missing = doubtful_classes(["NaN", "a", "A"])
    assert "'a' and 'A' differ only in" in case
    assert "called 'NaN'; if that stands for a missing label" in missing
    assert doubtful_classes(["'neg'", '"pos"', "'"]) == [
        "quotation marks are part of the class 'neg'",
        'quotation marks are part of the class "pos"',
    ]
    assert "called '-1'; if that stands for no label" in doubtful_classes(["-1", "0", "1"])[0]
    assert doubtful_classes(["1", "1.5", "2"]) == [
        "the classes are decimal numbers; for numbers to predict set data.task = 'regression'"
    ]
    assert doubtful_classes(["1", "1.5", "two"]) == []
    assert doubtful_classes(["-1", "1"]) == doubtful_classes(["-2", "-1", "0"]) == []


def test_classes_that_look_alike_are_told():
    told = doubtful_classes(["cafe\u0301", "caf\xe9", "t shirt", "t\xa0shirt", "x\xb2", "x2"])
    assert told == [
        r"the classes 'cafe\u0301' and 'caf\xe9' look alike, and are two",
        r"the classes 't shirt' and 't\xa0shirt' look alike, and are two",
    ]
