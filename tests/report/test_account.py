"""The plain account of ``train --auto``: each sentence follows from figures, tested at its edges."""

import pytest

from tutelage.report.account import advice, gained, headline, how_chosen, title_of, what_was_tried

STL = [0.60, 0.70, 0.65]
AFT = [0.64, 0.73, 0.68]


def plain(sentences) -> str:
    text = sentences if isinstance(sentences, str) else " ".join(sentences)
    return text.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-")


def around(mean: float, error: float) -> list[float]:
    """Three numbers with a mean and a standard error."""
    return [mean - error * 3**0.5, mean, mean + error * 3**0.5]


def above(scores: list[float], mean: float, error: float) -> list[float]:
    """Three scores above others by so much, paired."""
    return [a + b for a, b in zip(scores, around(mean, error), strict=True)]


def test_what_was_tried(choice_of) -> None:
    choice = choice_of({"stl": STL, "aft beta=3": AFT, "kd": []})
    assert plain(what_was_tried(choice)) == (
        "3 settings of 3 methods were tried in 6 runs and 1 min 00 s; 1 of them failed."
    )
    spent = choice.spent.model_copy(update={"budget": "30m", "used_up": True})
    assert "The budget of 30m was used up" in plain(
        what_was_tried(choice.model_copy(update={"spent": spent}))
    )


def test_a_search_that_tried_no_teacher_does_not_say_that_teachers_lost(choice_of) -> None:
    for scores in ({"stl": STL}, {"stl": STL, "aft beta=3": []}):
        assert "no method with teachers was tried to an end" in headline(choice_of(scores))
    assert "1 setting of 1 method was tried" in plain(what_was_tried(choice_of({"stl": STL})))
    lost = choice_of({"stl": STL, "aft beta=3": above(STL, -0.2, 0.01)})
    assert "nothing with teachers was better" in headline(lost)


@pytest.mark.parametrize(
    ("mean", "error", "said"),
    [
        (0.03, 0.01499, "beyond noise over 3 folds"),
        (0.03, 0.01501, "within noise over 3 folds"),
    ],
)
def test_how_sure_the_gain_is(choice_of, mean, error, said) -> None:
    choice = choice_of({"stl lr=0.1": STL, "aft beta=3": above(STL, mean, error)})
    assert f"+3.0 ± 1.5 points, is {said}." in plain(gained(choice))
    assert ("which is not sure" in plain(headline(choice))) == ("within" in said)


def test_two_folds_cannot_tell(choice_of) -> None:
    choice = choice_of({"stl": STL[:2], "aft": [0.70, 0.81]}, repeats=2)
    assert "is not sure: 2 folds cannot tell a difference from noise" in plain(gained(choice))
    assert plain(headline(choice)).endswith("over 2 folds, which is not sure.")


def test_fine_tuning_itself(choice_of) -> None:
    choice = choice_of({"stl": STL, "aft": AFT}, chosen="stl")
    assert headline(choice).startswith("Standard fine-tuning was chosen")
    assert plain(gained(choice)) == ("Standard fine-tuning reaches 65.0 ± 2.9 % on held-out rows.")
    assert "AFT was the highest, by +3.3 ± 0.3 points" in plain(how_chosen(choice))


def test_level(choice_of) -> None:
    choice = choice_of({"stl": STL, "aft": STL}, chosen="aft")
    assert (
        plain(headline(choice)) == "AFT and the best standard fine-tuning are level over 3 folds."
    )


def test_a_setting_as_usual_is_not_told(choice_of) -> None:
    choice = choice_of(
        {"stl patience=1 augment=none": STL, "aft patience=2 augment=invariant": AFT}
    )
    assert [title_of(one) for one in choice.tried] == [
        "Standard fine-tuning",
        "AFT (patience 2, augmentation invariant)",
    ]


def test_without_curves_nothing_is_advised(choice_of) -> None:
    assert advice(choice_of({"stl": STL, "aft": AFT})) == ()


# The last doubling of the rows: clear above two errors; little where mean + two errors < one point.
@pytest.mark.parametrize(
    ("mean", "error", "said"),
    [
        (0.03, 0.01499, "More labels would help: from 50 to 100 labelled rows"),
        (0.03, 0.01501, ""),
        (0.0, 0.00499, "More labels of the same kind would bring little"),
        (0.0, 0.00501, ""),
        (-0.02, 0.001, "More labels of the same kind would bring little"),
    ],
)
@pytest.mark.parametrize("whose", ["student", "teachers"])
def test_labels(choice_of, mean, error, said, whose) -> None:
    half = [0.30, 0.31, 0.35]
    curve = {25: [0.1, 0.1, 0.1], 50: half, 100: above(half, mean, error)}
    # The unlabelled setting is tried, so that no advice is about room alone.
    points = {"stl": STL, "aft unlabelled_share=0.5": AFT}
    sentences = [
        s for s in advice(choice_of(points, **{whose: curve})) if "labels" in s.split(":")[0]
    ]
    assert plain(sentences).startswith(said)
    assert bool(sentences) == bool(said)
    if said:
        assert ("the student's own" if whose == "student" else "the teachers'") in sentences[0]


def test_the_students_own_curve_comes_first(choice_of) -> None:
    curve = {50: [0.3, 0.3, 0.3], 100: [0.4, 0.41, 0.42]}
    sentences = advice(choice_of({"stl": STL, "aft": AFT}, student=curve, teachers=curve))
    assert "on the student's own features changes by +11.0 ± 0.6 points, to 41.0 ± 0.6 %" in plain(
        sentences
    )


def test_one_point_of_a_curve_says_nothing_of_labels(choice_of) -> None:
    assert advice(choice_of({"stl": STL, "aft": AFT}, student={100: AFT})) == ()


@pytest.mark.parametrize(
    ("mean", "error", "said"),
    [
        (
            0.05,
            0.02499,
            "Unlabelled rows are worth adding (data.unlabelled): the teachers' probe is 5.0",
        ),
        (0.05, 0.02501, ""),
        (0.0, 0.00499, "A better teacher would help: the student, at 68.3 ± 2.6 %, has reached"),
        (0.0, 0.00501, ""),
        (-0.05, 0.02, "A better teacher would help"),
    ],
)
def test_room_below_the_teachers(choice_of, mean, error, said) -> None:
    choice = choice_of({"stl": STL, "aft": AFT}, teachers={100: above(AFT, mean, error)})
    assert plain(advice(choice)).startswith(said)
    assert bool(advice(choice)) == bool(said)


def test_room_over_other_folds_is_not_paired(choice_of) -> None:
    """Five folds of the probe, three of the student: errors add in squares, 2.6 and 2 points."""
    probe = [0.70 + d for d in (-0.0632, 0.0632, 0, 0, 0)]
    near = choice_of({"stl": STL, "aft": AFT}, teachers={100: [p + 0.04 for p in probe]})
    far = choice_of({"stl": STL, "aft": AFT}, teachers={100: [p + 0.06 for p in probe]})
    assert advice(near) == ()
    assert "Unlabelled rows are worth adding" in plain(advice(far))


@pytest.mark.parametrize(
    ("mean", "error", "said"),
    [
        (0.03, 0.01499, "Unlabelled rows helped: +3.0 ± 1.5 points against the best without them."),
        (0.03, 0.01501, ""),
        (0.0, 0.00499, "Unlabelled rows brought little"),
        (0.0, 0.00501, ""),
    ],
)
def test_what_unlabelled_rows_brought(choice_of, mean, error, said) -> None:
    points = {
        "stl": STL,
        "aft": AFT,
        "kd": [0.1, 0.1, 0.1],
        "aft unlabelled_share=0.5": above(AFT, mean, error),
        "kd unlabelled_share=0.5": [0.99],
    }
    choice = choice_of(points)
    assert plain(advice(choice)).startswith(said)
    assert bool(advice(choice)) == bool(said)
    if mean:
        wide = choice_of(points, teachers={100: [0.9, 0.9, 0.9]})
        assert ("More of them may bring more" in plain(advice(wide))) == bool(said)


@pytest.mark.parametrize(("train", "said"), [(0.8499, True), (0.8501, False)])
def test_a_student_that_cannot_fit_its_rows(tmp_path, choice_of, write_run, train, said) -> None:
    """The teachers' probe has 90 % with an error of 2.5 points."""
    from tutelage.results.result import read_result

    folder = write_run(tmp_path / "run", metrics={"train": {"accuracy": train}, "test": {}})
    choice = choice_of(
        {"stl": STL, "aft": AFT},
        teachers={100: around(0.9, 0.025)},
        result=read_result(folder),
    )
    assert ("A larger student, or more patience, would help" in plain(advice(choice))) == said
