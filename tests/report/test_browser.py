"""The page in a headless Chromium: no complaint, no request, no overflow."""

from pathlib import Path

import pytest
import torch
from chromium import Browser

from tutelage.deploy.evaluate import Evaluation
from tutelage.report import write_report
from tutelage.report.evaluation_page import write_evaluation_page
from tutelage.tasks import SingleLabel, bootstrap_scores

STICKING_OUT = """
    [...document.querySelectorAll("body *")]
        .filter(part => !part.closest(".scroll") || part.matches(".scroll"))
        .filter(part => part.getBoundingClientRect().right > innerWidth + 1)
        .map(part => part.outerHTML.slice(0, 120))
"""


@pytest.fixture(scope="module")
def many_runs(tmp_path_factory, write_run) -> Path:
    """Long names, two teachers, two methods, three seeds: all parts of the page at once."""
    tmp_path = tmp_path_factory.mktemp("many-runs")
    folders = [
        write_run(
            tmp_path / f"{method}-{seed}",
            method=method,
            seed=seed,
            accuracy=0.75 + 0.004 * seed + (0.02 if method == "aft" else 0),
            name="a-run-with-a-name-that-is-much-longer-than-a-telephone-is-wide" * 2,
            teachers={
                "timm/vit_giant_patch14_dinov2.lvd142m": (1536, 1_136_480_768),
                "array": (50, None),
            },
            command="tutelage train " + "a/very/long/path" * 12,
        )
        for method in ("stl", "aft")
        for seed in range(3)
    ]
    return write_report(
        folders,
        path=tmp_path / "page.html",
        probes={"a teacher with a long name": 0.848},
        notes=["unbroken" * 40],
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_page_fits_and_is_silent(
    browser: Browser, many_runs: Path, width: int, scheme: str
) -> None:
    visit = browser.visit(many_runs, width=width, scheme=scheme)

    assert visit.complaints == []
    assert visit.requests == [many_runs.resolve().as_uri()]
    assert visit.window_width == width
    assert visit.content_width <= width


@pytest.mark.parametrize("width", [1280, 400])
def test_nothing_sticks_out_of_the_window(browser: Browser, many_runs: Path, width: int) -> None:
    """Also with all details open; what lies in a box that scrolls by itself may be wider."""
    browser.visit(many_runs, width=width)
    browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")

    assert browser.evaluate(STICKING_OUT) == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_the_page_of_a_search_fits(
    browser: Browser, tmp_path: Path, choice_of, write_choice, width: int, scheme: str
) -> None:
    scores = [0.6, 0.65, 0.7, 0.66, 0.61]
    longest = "aft+probe beta=3 mix=0.7 lr=0.001 patience=2 unlabelled_share=0.5 augment=invariant"
    choice = choice_of({"stl": scores, longest: scores, "kd beta=1": []}, folds=5, repeats=5)
    page = write_report([write_choice(tmp_path / "auto", choice)])
    visit = browser.visit(page, width=width, scheme=scheme)

    assert visit.complaints == []
    assert visit.content_width <= width
    assert "chosen" in browser.evaluate("document.querySelector('.tried').innerText")


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_the_page_of_many_classes_and_long_names_fits(
    browser: Browser, tmp_path: Path, write_work, some_examples, width: int, scheme: str
) -> None:
    names = ["<b>bold</b>", *(f"{'unbroken' * 8} {number}" for number in range(1, 60))]
    labels = torch.arange(600) % 60
    outputs = torch.randn(600, 60, generator=torch.Generator().manual_seed(0))
    run = write_work(tmp_path / "run", outputs, labels, names=names, examples=some_examples)
    page = write_report([run])
    visit = browser.visit(page, width=width, scheme=scheme)

    assert visit.complaints == []
    outside = [address for address in visit.requests if not address.startswith("data:")]
    assert outside == [page.resolve().as_uri()]
    assert browser.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
    browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
    assert browser.evaluate("document.documentElement.scrollWidth") <= width
    assert browser.evaluate(STICKING_OUT) == []


def test_the_page_of_an_evaluation_fits(browser: Browser, tmp_path: Path) -> None:
    names = ("<b>bold</b>", *(f"{'unbroken' * 8} {number}" for number in range(1, 60)))
    task = SingleLabel(names, SingleLabel.metric())
    labels = torch.arange(600) % 60
    outputs = torch.randn(600, 60, generator=torch.Generator().manual_seed(0))
    evaluation = Evaluation(
        folder=tmp_path,
        name="a-run-with-a-name-that-is-much-longer-than-a-telephone-is-wide" * 2,
        source="folder:" + "a/very/long/path" * 12,
        split="test",
        task=task,
        ids=[str(number) for number in range(600)],
        outputs=outputs,
        labels=labels,
        metrics=bootstrap_scores(task, outputs, labels, draws=3),
        draws=3,
    )
    page = tmp_path / "evaluation.html"
    write_evaluation_page(evaluation, page)
    papers = set()
    for width, scheme in ((1280, "light"), (400, "dark")):
        visit = browser.visit(page, width=width, scheme=scheme)
        assert visit.complaints == []
        assert [one for one in visit.requests if not one.startswith("data:")] == [page.as_uri()]
        browser.evaluate("document.querySelectorAll('details').forEach(part => part.open = true)")
        assert browser.evaluate("document.documentElement.scrollWidth") <= width
        assert browser.evaluate(STICKING_OUT) == []
        assert browser.evaluate("document.querySelectorAll('.matrix tbody tr').length") == 21
        papers.add(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert len(papers) == 2
    try:
        browser.visit(page, width=700)
        browser.call("Emulation.setEmulatedMedia", media="print")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 700
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_a_printed_page_holds_the_matrix_and_names(
    browser: Browser, tmp_path: Path, write_work, some_examples
) -> None:
    labels = torch.arange(600) % 60
    outputs = torch.randn(600, 60, generator=torch.Generator().manual_seed(0))
    names = [f"a class {number}" for number in range(60)]
    run = write_work(tmp_path / "run", outputs, labels, names=names, examples=some_examples)
    browser.visit(write_report([run]), width=700)
    try:
        browser.call("Emulation.setEmulatedMedia", media="print")
        assert browser.evaluate("document.documentElement.scrollWidth") <= 700
        narrowest = "[...document.querySelectorAll('.cards tbody th')].map(one => one.clientWidth)"
        assert min(width for width in browser.evaluate(narrowest) if width) >= 40
    finally:
        browser.call("Emulation.setEmulatedMedia", media="")


def test_text_of_plots_is_readable_on_a_phone(browser: Browser, many_runs: Path) -> None:
    browser.visit(many_runs, width=400)
    heights = browser.evaluate(
        "[...document.querySelectorAll('svg text')].map(t => t.getBoundingClientRect().height)"
    )

    assert len(heights) > 20
    assert min(heights) >= 9


def test_schemes_have_colors_of_their_own(browser: Browser, many_runs: Path) -> None:
    colors = []
    for scheme in ("light", "dark"):
        browser.visit(many_runs, width=1280, scheme=scheme)
        colors.append(
            browser.evaluate(
                "[getComputedStyle(document.body).backgroundColor, "
                "getComputedStyle(document.querySelector('svg text')).fill]"
            )
        )

    (light_paper, light_text), (dark_paper, dark_text) = colors
    assert light_paper != dark_paper
    assert light_text != dark_text


def test_browser_sees_what_is_too_wide(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "wide.html"
    page.write_text("<!doctype html><div style='width: 900px'>wide</div>", encoding="utf-8")

    assert browser.visit(page, width=400).content_width > 400
    assert browser.visit(page, width=1280).content_width == 1280


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("<script>throw new Error('broken')</script>", "Uncaught"),
        ("<script>console.error('bad news')</script>", "bad news"),
        ("<img src='missing.png'>", "ERR_FILE_NOT_FOUND"),
    ],
)
def test_browser_hears_complaints(
    browser: Browser, tmp_path: Path, content: str, complaint: str
) -> None:
    page = tmp_path / "loud.html"
    page.write_text(f"<!doctype html>{content}", encoding="utf-8")

    assert complaint in " ".join(browser.visit(page, width=400).complaints)
