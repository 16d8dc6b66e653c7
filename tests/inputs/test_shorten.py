"""How much of each field is left of a prompt that is too long."""

import re

import pytest

from tutelage.errors import ConfigError
from tutelage.inputs import Prompt
from tutelage.inputs.shorten import characters, shared, shortened


def words(text):
    return [(match.start(), match.end()) for match in re.finditer(r"\w+|\S", text)]


def cut(prompt, room):
    return shortened(prompt, room=room, count=lambda text: len(words(text)), spans=words)


@pytest.mark.parametrize("budget", range(16))
def test_the_longest_is_cut_one_by_one(budget):
    expected = [9, 2, 5]
    while sum(expected) > budget:
        longest = max(expected)
        last = max(place for place, length in enumerate(expected) if length == longest)
        expected[last] -= 1
    assert shared([9, 2, 5], budget) == expected


def test_what_fits_is_left_whole():
    assert shared([1, 2, 3], 6) == [1, 2, 3]
    assert shared([1, 2, 3], 60) == [1, 2, 3]


@pytest.mark.parametrize("room", range(5, 12))
def test_literals_stay_and_the_room_is_used(room):
    prompt = Prompt(("Is it ", " or ", "?"), ("a b c d e", "f g"))
    text = cut(prompt, room).text
    assert text.startswith("Is it ")
    assert " or " in text
    assert text.endswith("?")
    assert len(words(text)) == min(room, len(words(prompt.text)))


def test_a_template_without_room_for_its_fields_is_refused():
    with pytest.raises(ConfigError, match=r"template alone takes 4 tokens, .* room for 4"):
        cut(Prompt(("Is it ", " or ", "?"), ("a", "b")), 4)


def test_tokens_that_grow_when_cut_are_counted_again():
    """A tokenizer that splits the last word, when it is not followed by a blank, in letters."""

    def split(text):
        spans = words(text)
        if spans and not text.endswith(" "):
            start, end = spans.pop()
            spans += [(place, place + 1) for place in range(start, end)]
        return spans

    prompt = Prompt(("", ""), ("one two three four",))
    result = shortened(prompt, room=4, count=lambda text: len(split(text)), spans=split)
    assert prompt.text.startswith(result.text)
    assert 0 < len(split(result.text)) <= 4


def test_characters_count_bytes():
    assert characters("aé日") == [(0, 1), (1, 2), (1, 2), (2, 3), (2, 3), (2, 3)]
