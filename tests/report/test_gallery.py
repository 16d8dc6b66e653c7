"""Cards of single rows."""

from tutelage.report.gallery import PICTURES, TEXTS, gallery
from tutelage.results.examples import Answer, Example

SPACE = "\N{NO-BREAK SPACE}"
ANSWERS = (
    Answer(name="dress", label=1, student=0.004, teachers=0.91),
    Answer(name="shirt", label=0, student=0.9),
)


def test_a_card_says_what_student_and_teachers_say():
    row = Example(id="a.jpg", split="test", answers=ANSWERS, picture="/9j/")
    view = gallery([row], caption="Wrong.", shares=True, splits=True)
    (card,) = view.first
    assert card.columns == ("student", "teachers")
    assert [line.cells for line in card.lines] == [
        (f"<{SPACE}1{SPACE}%", f"91{SPACE}%"),
        (f"90{SPACE}%", ""),
    ]
    assert [line.marked for line in card.lines] == [True, False]
    assert card.name == "test: a.jpg"
    assert card.alt == "Picture a.jpg; its label is dress"


def test_nobody_is_named_who_says_nothing():
    answers = (Answer(name="dress", label=1, teachers=0.0), Answer(name="shirt", label=0))
    row = Example(id="a", split="train", answers=answers, texts=("words",))
    (card,) = gallery([row], caption="", shares=True).first
    assert card.columns == ("teachers",)
    assert card.lines[0].cells == (f"0{SPACE}%",)


def test_targets_are_numbers_with_the_true_one_first():
    answers = (Answer(name="mass", label=-1.5, student=212.345678),)
    (card,) = gallery(
        [Example(id="a", split="test", answers=answers, picture="x")], caption="", shares=False
    ).first
    assert card.columns == ("label", "student")
    assert card.lines[0].cells == ("\N{MINUS SIGN}1.5", "212.3")
    assert not card.lines[0].marked
    assert card.alt == "Picture a; mass is \N{MINUS SIGN}1.5"


def test_many_cards_are_folded():
    rows = [Example(id=str(n), split="test", answers=ANSWERS, picture="x") for n in range(24)]
    view = gallery(rows, caption="", shares=True)
    assert (len(view.first), len(view.more), view.pictures) == (PICTURES, 24 - PICTURES, True)
    texts = [row.model_copy(update={"picture": "", "texts": ("a",)}) for row in rows]
    view = gallery(texts, caption="", shares=True)
    assert (len(view.first), len(view.more), view.pictures) == (TEXTS, 24 - TEXTS, False)
    assert gallery([], caption="", shares=True) is None
