"""Bars of classes and errors of targets as tables."""

from tutelage.report.class_scores import FIRST, MOST, class_bars, target_table
from tutelage.tasks import ClassScore, Share, TargetScore

SPACE = "\N{NO-BREAK SPACE}"


def score(name: str, right: int, rows: int, given: int) -> ClassScore:
    return ClassScore(name, Share(right, rows), Share(right, given))


def test_the_lowest_recall_comes_first_and_no_rows_last():
    bars = class_bars(
        [
            score("good", 9, 10, 9),
            score("never", 0, 0, 3),
            score("bad", 1, 10, 4),
            score("absent", 0, 0, 0),
        ],
        word="classes",
    )
    assert [line[0] for line in bars.first] == ["bad", "good", "never"]
    assert bars.more == ()
    _, rows, recall, precision = bars.first[0]
    assert (rows, recall.text, precision.text) == ("10", f"10{SPACE}%", f"25{SPACE}%")
    assert recall.low < recall.value < recall.high
    assert recall.interval == f"2 to 40{SPACE}%"
    assert bars.first[2][2] is None
    assert "1 more classes neither occur nor are given" in bars.caption
    assert bars.word == "Class"


def test_of_many_some_are_folded_and_the_rest_is_counted():
    bars = class_bars([score(str(n), n, 2000, 2000) for n in range(1000)], word="labels")
    assert (len(bars.first), len(bars.first) + len(bars.more)) == (FIRST, MOST)
    assert "200 of 1,000 labels are listed" in bars.caption
    few = class_bars([score(str(n), n, 200, 200) for n in range(FIRST + 2)], word="labels")
    assert few.more == ()


def test_targets():
    table = target_table([TargetScore("a", 1200, rmse=0.51234, mae=12345.6, r2=-0.25)])
    assert table.rows == (("a", "1,200", "1.235e+04", "0.5123", "\N{MINUS SIGN}0.250"),)
    assert target_table([TargetScore("a", 2, rmse=1, mae=1, r2=None)]).rows[0][-1] == ""
