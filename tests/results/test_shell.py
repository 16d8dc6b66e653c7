"""Commands that are shown can be pasted."""

import shlex

from tutelage.results.shell import command_line


def test_words_are_read_back():
    words = ["tutelage", "train", "my run #1/config.toml", "--set", "a='b c'", "$HOME"]
    assert shlex.split(command_line(*words)) == words
    assert command_line("tutelage", "train", "runs/a") == "tutelage train runs/a"
