"""A headless Chromium, driven over a pipe, for tests of pages."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

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

    def visit(
        self, page: Path | str, *, width: int, height: int = 900, scheme: str = "light"
    ) -> Visit:
        """Open a file or an address in a window of exactly this width, wait until it is loaded, measure it."""
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
        self.call("Page.navigate", url=_address(page))
        self._wait_for("Page.loadEventFired")
        content, window = self.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        visit = Visit(content_width=content, window_width=window)
        self.listen(visit)
        return visit

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression, of a promise what it gives."""
        answer = self.call(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def wait_until(self, condition: str) -> None:
        """Wait until an expression of the page is true."""
        self.evaluate(
            "new Promise(resolve => {"
            f"  const look = () => ({condition}) ? resolve() : setTimeout(look, 20);"
            "  look();"
            "})"
        )

    def choose_files(self, selector: str, files: Sequence[Path]) -> None:
        """Choose files in a form, as in the dialog that it opens."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        chooser = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        names = [str(file.resolve()) for file in files]
        self.call("DOM.setFileInputFiles", nodeId=chooser, files=names)

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

    def listen(self, visit: Visit) -> None:
        """Add what the page complained of and asked for since it was visited."""
        visit.complaints.clear()
        visit.requests.clear()
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


def _address(page: Path | str) -> str:
    return page if isinstance(page, str) else page.resolve().as_uri()


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
