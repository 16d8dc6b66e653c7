"""An evaluation in tables and sentences, and as a page."""

from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tutelage.deploy.agreement import Agreement
from tutelage.deploy.evaluate import Evaluation
from tutelage.report.evaluation import (
    class_columns,
    headline,
    metric_columns,
    print_evaluation,
    sentences,
)
from tutelage.report.evaluation_page import write_evaluation_page
from tutelage.tasks import Interval, MultiLabel, Regression, SingleLabel, bootstrap_scores


def evaluation(classes=3, rows=60, **changes):
    draw = torch.Generator().manual_seed(0)
    names = ("<b>bold</b>", *(f"class {number}" for number in range(1, classes)))
    task = SingleLabel(names, SingleLabel.metric())
    labels = torch.randint(classes, (rows,), generator=draw)
    outputs = torch.randn(rows, classes, generator=draw)
    outputs[torch.arange(rows), labels] += 1.5
    made = Evaluation(
        folder=Path("runs/x"),
        name="<i>x</i>",
        source="folder:x",
        split="test",
        task=task,
        ids=[str(number) for number in range(rows)],
        outputs=outputs,
        labels=labels,
        metrics=bootstrap_scores(task, outputs, labels, draws=4),
        draws=4,
    )
    return replace(made, **changes)


def said(made):
    text = StringIO()
    print_evaluation(made, console=Console(width=100, file=text))
    return text.getvalue()


class Page(HTMLParser):
    """The words of a page, its tags and its headings."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.words, self.headings, self.sources = [], [], [], []
        self.feed(path.read_text())

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data):
        self.words.append(data)
        if self.tags[-1:] in (["h2"], ["h3"]) and data.strip():
            self.headings.append(data)


def test_probabilities_without_error_are_not_called_too_low():
    made = evaluation()
    certain = torch.where(torch.nn.functional.one_hot(made.labels, 3) == 1, 900.0, 0.0)
    words = said(evaluation(outputs=certain)).replace("\xa0", " ")
    assert "The expected calibration error is 0.0 %." in words
    assert "on average too" not in words
    assert "on average too" in said(made)


def test_the_headline_has_the_interval():
    made = evaluation(metrics={"accuracy": Interval(0.5, 0.4, 0.625)})
    assert headline(made).replace("\xa0", " ") == (
        "Accuracy is 50.00 % on 60 test rows (95 %: 40.00 to 62.50 %)"
    )
    assert headline(evaluation(metrics={})) == "accuracy is undefined on these 60 test rows"


def test_the_report_of_the_run_is_compared_with():
    made = evaluation()
    value = made.metrics["accuracy"].value
    same = replace(made, reported={"accuracy": value, "loss": 1.0})
    assert sentences(same)[0] == "The run reported the same accuracy."
    assert metric_columns(same)[-1].head == "as the run reported"
    other = replace(made, reported={"accuracy": value - 0.1})
    assert "another device" in sentences(other)[0]
    assert not sentences(made)[0].startswith("The run reported")


def test_teachers_and_rows_left_out():
    told = " ".join(
        sentences(
            evaluation(
                teachers=Agreement(60, same=0.8, both=0.7, student=0.05, probe=0.15),
                unlabelled=2,
                skipped={"a": "broken\nadvice", "b": "gone"},
            )
        )
    ).replace("\xa0", " ")
    assert "the same answer for 80.0 % of the rows; the student alone is right for 5.0 %" in told
    assert "2 rows are left out for lack of a label" in told
    assert "2 rows are left out because they cannot be read (a: broken, and 1 more)" in told


def test_of_many_classes_the_worst_are_listed():
    made = evaluation(classes=40, rows=200)
    (names, *_) = class_columns(made, most=30)
    assert len(names.cells) == 30
    worst = min(made.classes, key=lambda one: -1 if one.f1 is None else one.f1)
    assert worst.f1 == (made.classes[[c.name for c in made.classes].index(names.cells[0])].f1)
    text = said(made)
    assert "these are the 30 of 40 with the lowest F1" in text
    assert "class 1" in text


@pytest.mark.parametrize("classes", [3, 60])
def test_the_page_stands_alone(classes, tmp_path):
    made = evaluation(classes=classes, rows=300)
    write_evaluation_page(made, tmp_path / "e.html")
    page = Page(tmp_path / "e.html")
    assert "<b>bold</b>" in page.words
    assert "script" not in page.tags
    assert set(page.sources) <= {"data:,"}
    assert page.headings == [
        *("Reliability", "Metrics", "Classes", "Errors between classes", "Confusion"),
        "Taken for each other most",
    ]
    assert page.tags.count("details") == (1 if classes == 3 else 2)
    if classes == 3:  # of more, the most confused are shown
        right, rows = int(made.confusion[0, 0]), int(made.confusion[0].sum())
        cell = f"&lt;b&gt;bold&lt;/b&gt;, given &lt;b&gt;bold&lt;/b&gt;: {right} of {rows}"
        assert cell in (tmp_path / "e.html").read_text()
    write_evaluation_page(made, tmp_path / "again.html")
    assert (tmp_path / "again.html").read_bytes() == (tmp_path / "e.html").read_bytes()


def test_pages_of_labels_and_numbers(tmp_path):
    draw = torch.Generator().manual_seed(1)
    outputs = torch.randn(40, 2, generator=draw)
    for kind, labels in (
        (MultiLabel, (outputs > 0.3).float()),
        (Regression, outputs.double() + 0.1 * torch.randn(40, 2, generator=draw)),
    ):
        task = kind(("one", "two"), kind.metric())
        metrics = bootstrap_scores(task, outputs, labels, draws=3)
        made = evaluation(task=task, outputs=outputs, labels=labels, metrics=metrics)
        write_evaluation_page(made, tmp_path / "e.html")
        heads = Page(tmp_path / "e.html").headings
        assert heads == (
            ["Reliability", "Metrics", "Labels"] if kind is MultiLabel else ["Metrics", "Targets"]
        )
        assert "one" in said(made)
