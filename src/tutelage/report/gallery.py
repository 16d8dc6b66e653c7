"""Single rows as cards: picture or text, and what label, student and teachers' probe say."""

from collections.abc import Sequence
from dataclasses import dataclass

from tutelage.report.confusion import clipped_name
from tutelage.report.units import MINUS, SPACE
from tutelage.results.examples import Answer, Example

__all__ = ["Card", "Gallery", "gallery"]

PICTURES = 10
TEXTS = 6
LONGEST_ID = 44


@dataclass(frozen=True)
class Line:
    """One class, label or target on a card.

    Attributes:
        name: Its name, cut where it is long.
        title: Its whole name.
        marked: Whether the row has it.
        cells: What is said of it, a cell a column.
    """

    name: str
    title: str
    marked: bool
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Card:
    """A row.

    Attributes:
        picture: Its picture as JPEG in base64, or nothing.
        alt: The picture in words.
        texts: Its texts.
        columns: Who says something of it.
        lines: What is said.
        name: Its id, cut where it is long, and its split where cards are of several.
        title: Its whole id.
    """

    picture: str
    alt: str
    texts: tuple[str, ...]
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    name: str
    title: str


@dataclass(frozen=True)
class Gallery:
    """Cards, of which some are folded.

    Attributes:
        caption: What they are, and how many of how many.
        pictures: Whether they have pictures.
        first: Cards that are shown at once.
        more: Cards that are folded.
    """

    caption: str
    pictures: bool
    first: tuple[Card, ...]
    more: tuple[Card, ...]


def gallery(
    examples: Sequence[Example], *, caption: str, shares: bool, splits: bool = False
) -> Gallery | None:
    """Return the cards of some rows; None where there is none.

    Args:
        examples: The rows.
        caption: What they are.
        shares: Whether values are probabilities; else targets.
        splits: Whether a card names the row's split.
    """
    if not examples:
        return None
    cards = tuple(_card(one, shares=shares, split=splits) for one in examples)
    pictures = any(card.picture for card in cards)
    most = PICTURES if pictures else TEXTS
    return Gallery(caption, pictures, cards[:most], cards[most:])


def _card(example: Example, *, shares: bool, split: bool) -> Card:
    answers = example.answers
    said = {
        "label": [None if shares else answer.label for answer in answers],
        "student": [answer.student for answer in answers],
        "teachers": [answer.teachers for answer in answers],
    }
    known = {name: values for name, values in said.items() if any(v is not None for v in values)}
    lines = tuple(
        Line(
            name=clipped_name(answer.name, 30),
            title=answer.name,
            marked=shares and answer.label == 1,
            cells=tuple(_value(values[number], shares=shares) for values in known.values()),
        )
        for number, answer in enumerate(answers)
    )
    name = clipped_name(example.id, LONGEST_ID)
    return Card(
        picture=example.picture,
        alt=f"Picture {name}; {_in_words(answers, shares=shares)}",
        texts=example.texts,
        columns=tuple(known),
        lines=lines,
        name=f"{example.split}: {name}" if split else name,
        title=example.id,
    )


def _in_words(answers: Sequence[Answer], *, shares: bool) -> str:
    """The label and the answers, for readers who cannot see the picture."""
    if not shares:
        return ", ".join(f"{one.name} is {_value(one.label, shares=False)}" for one in answers)
    labels = ", ".join(one.name for one in answers if one.label == 1) or "none of these"
    return f"its label is {labels}"


def _value(value: float | None, *, shares: bool) -> str:
    if value is None:
        return ""
    if not shares:
        return f"{value:.4g}".replace("-", MINUS)
    if 0 < value < 0.01:
        return f"<{SPACE}1{SPACE}%"
    return f"{100 * value:.0f}{SPACE}%"
