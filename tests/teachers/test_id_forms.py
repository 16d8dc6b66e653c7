"""Ids that other programs wrote otherwise are told apart from ids that are not there."""

import unicodedata

import pytest

from tutelage.teachers.id_forms import other_form


@pytest.mark.parametrize(
    ("ours", "theirs", "what"),
    [
        (["7", "12"], ["7.0", "12.0", "13.0"], "a '.0' at the end"),  # pandas-dev/pandas#8596
        (["007", "012"], ["7", "12"], "leading zeros"),
        (["000"], ["0"], "leading zeros"),
        (["a", "b"], [" b", "a "], "blanks around them"),
        (["Ä/1.jpg"], [unicodedata.normalize("NFD", "Ä/1.jpg")], "their Unicode form"),
        (["a/1.jpg", "b/1.jpg"], ["b\\1.jpg", "a\\1.jpg"], "backslashes"),  # microsoft/CNTK#1321
        (["Tt01"], ["tt01"], "upper and lower case"),
        (["a/1.jpg", "a/2.jpg"], ["a/1", "a/2"], "the endings of files"),
        (["train/a/1.jpg"], ["a/1.jpg"], "the folders in front"),
        (["a/1.jpg"], ["./a/1.jpg"], "the folders in front"),
        (["a/1.jpg", "b/1.jpg"], ["C:\\pics\\a\\1.jpg", "C:\\pics\\b\\1.jpg"], "the folders in front"),
    ],
)  # fmt: skip
def test_the_difference_is_named(ours, theirs, what):
    assert other_form(ours, theirs).startswith(
        f"They differ in {what}: {ours[0]!r} of the data is "
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (["a"], ["b"]),
        (["7", "8"], ["7.0"]),  # one is missing whatever its form
        (["Ab"], ["ab", "AB"]),  # which of both?
        (["a/1.jpg", "b/1.jpg"], ["1.jpg"]),  # which of both?
        (["a/1.jpg", "a/1.png"], ["a/1"]),
        ([], ["a"]),
        (["a"], []),
    ],
)
def test_nothing_is_said_where_one_is_missing_or_two_may_be_meant(ours, theirs):
    assert other_form(ours, theirs) == ""
