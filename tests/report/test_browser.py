"""The page in a headless Chromium, driven over a pipe: no complaint, no request, no overflow."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest
import torch

from tutelage.report import write_report

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE = 60.0
STICKING_OUT = """
    [...document.querySelectorAll("body *")]
        .filter(part => !part.closest(".scroll") || part.matches(".scroll"))
        .filter(part => part.getBoundingClientRect().right > innerWidth + 1)
        .map(part => part.outerHTML.slice(0, 120))
"""


def find_chromium() -> str | None:
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Visit:
    """What one visit to a page showed."""

    content_width: int
    window_width: int
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


class Browser:
    """A running Chromium; one command at a time, each waited for."""

    def __init__(self, executable: str, *, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()

        def as_three_and_four() -> None:
            # The ends may be 3 and 4 themselves, the wrong way round, so they move away first.
            high_in, high_out = os.dup(to_browser), os.dup(from_browser)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        self._process = subprocess.Popen(
            [executable, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=as_three_and_four,
            close_fds=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_browser)
        os.close(from_browser)
        os.set_blocking(self._read, False)
        self._buffer = b""
        self._number = 0
        self._events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", session=None, url="about:blank")["targetId"]
        attached = self.call("Target.attachToTarget", session=None, targetId=target, flatten=True)
        self._session: str = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def visit(self, page: Path, *, width: int, height: int = 900, scheme: str = "light") -> Visit:
        """Open a page in a window of exactly this width, wait until it is loaded, measure it."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", features=features)
        self._events.clear()
        self.call("Page.navigate", url=page.resolve().as_uri())
        self._wait_for("Page.loadEventFired")
        content, window = self.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        visit = Visit(content_width=content, window_width=window)
        for event in self._events:
            given = event["params"]
            match event["method"]:
                case "Runtime.exceptionThrown":
                    visit.complaints.append(given["exceptionDetails"]["text"])
                case "Runtime.consoleAPICalled":
                    visit.complaints.append(str([a.get("value") for a in given["args"]]))
                case "Log.entryAdded":
                    visit.complaints.append(given["entry"]["text"])
                case "Network.requestWillBeSent":
                    visit.requests.append(given["request"]["url"])
        return visit

    def evaluate(self, expression: str) -> Any:
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        return answer["result"].get("value")

    def screenshot(self, path: Path) -> None:
        """Save the whole page as PNG."""
        answer = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(answer["data"]))

    def call(self, method: str, *, session: str | None = "own", **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _wait_for(self, event: str) -> None:
        while all(seen["method"] != event for seen in self._events):
            self._receive()

    def _receive(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            if time.monotonic() > end or self._process.poll() is not None:
                raise RuntimeError("Chromium does not answer")
            try:
                self._buffer += os.read(self._read, 1 << 20)
            except BlockingIOError:
                time.sleep(0.01)
        message, _, self._buffer = self._buffer.partition(b"\0")
        content: dict[str, Any] = json.loads(message)
        if "method" in content:
            self._events.append(content)
        return content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(RuntimeError, OSError):
            self.call("Browser.close", session=None)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._write)
        os.close(self._read)


@contextlib.contextmanager
def chromium(executable: str) -> Iterator[Browser]:
    """A browser with a profile of its own, gone afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="profile-", ignore_cleanup_errors=True) as profile,
        Browser(executable, profile=Path(profile)) as browser,
    ):
        yield browser


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        reason = f"no browser is installed (looked for {', '.join(NAMES)})"
        if os.environ.get("TUTELAGE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}, and TUTELAGE_REQUIRE_BROWSER=1 asks for one")
        pytest.skip(reason)
    with chromium(executable) as running:
        yield running


@pytest.fixture
def many_runs(tmp_path: Path, write_run) -> Path:
    """Long names, two teachers, two methods, three seeds: all parts of the page at once."""
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
