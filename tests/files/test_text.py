"""Tables as spreadsheets take them, and sizes in words."""

import csv

import pytest

from tutelage.files import human_size, spreadsheet_text


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (184_320, "184 kB"),
        (3_100_000, "3.1 MB"),
        (999_499, "999 kB"),
        (999_500, "1 MB"),
        (999_950, "1 MB"),
        (1_234_567_890, "1.23 GB"),
        (4 * 10**12, "4 TB"),
        (1234 * 10**12, "1234 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert human_size(size) == text


def test_no_cell_is_a_formula_and_numbers_stay():
    lines = [{"id": "=1+1", "gain": -1.5}, {"id": "-3", "gain": "+1e3"}, {"id": " @x", "gain": "a"}]
    rows = list(csv.reader(spreadsheet_text(["id", "gain"], lines).splitlines()))
    assert rows == [["id", "gain"], ["'=1+1", "-1.5"], ["-3", "+1e3"], ["' @x", "a"]]
