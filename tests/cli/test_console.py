"""What the terminal shows of names that others chose."""

import pytest
from rich.table import Table
from rich.text import Text

from tutelage.cli.console import err, out


@pytest.mark.parametrize("console", [out, err])
def test_control_characters_of_names_are_shown_not_obeyed(console):
    evil = "cat\x1b]0;title\x07\x1b[2J\x9b1m\u202egpj"
    table = Table("class")
    table.add_row(Text(evil))
    with console.capture() as written:
        console.print(evil, soft_wrap=True)
        console.print(Text(evil), soft_wrap=True)
        console.print(table)
        console.print("two\nlines, a\ttab, 老師", soft_wrap=True)
    shown = written.get()
    for character in "\x1b\x07\x9b\u202e":
        assert character not in shown
    assert shown.count(r"cat\x1b") == 3
    assert "\nlines, a" in shown
    assert "老師" in shown
