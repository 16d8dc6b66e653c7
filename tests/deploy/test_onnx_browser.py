"""The page that runs an export in the browser: its numbers are those of the student."""

import functools
import hashlib
import json
import os
import runpy
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from chromium import Browser
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

import tutelage
from tutelage.data.decoding import Decoding

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_browser"
PAGE = ("index.html", "page.js", "pictures.js", "student.js", "style.css", "texts.js")
LIBRARIES = {
    "onnxruntime-web": ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm"),
    "@huggingface/tokenizers": ("tokenizers.min.mjs",),
}
CARDS = """
    [...document.querySelectorAll("article")].map(card => ({
        row: card.dataset.row,
        said: card.querySelector("h2, .error").textContent,
        scores: Object.fromEntries([...card.querySelectorAll("li")].map(
            item => [item.querySelector("span").textContent, Number(item.querySelector("data").value)]
        )),
    }))
"""
PIXELS = """
    (async () => {
        const { pixels } = await import("./pictures.js");
        const file = await (await fetch("NAME")).blob();
        const { data, height, width } = await pixels(file, "white");
        const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
        return [height, width, [...digest]];
    })()
"""
TOKENS = """
    (async () => {
        const { Tokens } = await import("./texts.js");
        const json = async name => (await fetch("texts/" + name)).json();
        const files = [await json("tokenizer.json"), await json("tokenizer_config.json")];
        const tokens = new Tokens(ABOUT, ...files);
        return TEXTS.map(text => tokens.of(text));
    })()
"""
TEXTS = (
    "",
    "a fine film",
    "so so " * 40,
    "na\u00efve caf\u00e9, \u00dcn\u00efcode \u00df \u2167 \ufb01 e\u0301",
    "\u4f60\u597d \u05e9\u05dc\u05d5\u05dd \ud55c\uad6d\uc5b4",
    "\U0001f600 \U0001f3f3\ufe0f\u200d\U0001f308\tdon\u2019t\n[MASK] #a @b $5.00 x.y/z?q=1 \x07\u200b\xad",
    "x" * 300,
)


class Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def fetched(folder: Path) -> Path:
    """A folder of the libraries that the page loads: as npm installed them, or packed by npm."""
    installed = EXAMPLE / "node_modules"
    if all((installed / library).is_dir() for library in LIBRARIES):
        return installed
    if (npm := shutil.which("npm")) is None:
        pytest.skip("npm is not installed, which fetches the page's libraries")
    versions = json.loads((EXAMPLE / "package.json").read_text())["dependencies"]
    wanted = [f"{library}@{versions[library]}" for library in LIBRARIES]
    command = [npm, "pack", *wanted, "--silent", "--fetch-retries=0", "--fetch-timeout=30000"]
    packed = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100)
    if packed.returncode:
        reason = f"npm cannot fetch {', '.join(wanted)}: {packed.stderr.strip()}"
        if os.environ.get("TUTELAGE_REQUIRE_BROWSER") == "1":
            pytest.fail(f"{reason}; TUTELAGE_REQUIRE_BROWSER=1 asks for it")
        pytest.skip(reason)
    archives = packed.stdout.split()
    for (library, names), archive in zip(LIBRARIES.items(), archives, strict=True):
        with tarfile.open(folder / archive) as opened:
            for name in names:
                opened.extract(f"package/dist/{name}", folder / library, filter="data")
        (folder / library / "dist").symlink_to(folder / library / "package" / "dist")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """The address and folder of the example, served as a user serves it."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "node_modules").symlink_to(fetched(tmp_path_factory.mktemp("npm")))
    for name in PAGE:
        shutil.copy(EXAMPLE / name, folder)
    handler = functools.partial(Silent, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def texts(site, text_export) -> Path:
    """The folder of the students of texts, on the site under that name."""
    (site[1] / "texts").symlink_to(text_export)
    return text_export


@pytest.fixture
def pictures(digits, tmp_path) -> list[Path]:
    """Ten pictures, each of another kind."""
    draw = np.random.default_rng(0)
    files = sorted(digits.glob("test/*/*.jpg"))
    one, two, three = (Image.open(files[number]).convert("RGB") for number in (0, 9, 18))
    tinted = Image.merge("RGB", [picture.convert("L") for picture in (one, two, three)])
    clear = two.copy()
    clear.putalpha(Image.fromarray(draw.integers(0, 256, (32, 32), np.uint8)))
    turned = Image.Exif()
    turned[274] = 6
    wide = Image.fromarray(draw.integers(0, 256, (5, 900, 3), np.uint8))
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, blue = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[red : red + 4], profile[blue : blue + 4] = b"bXYZ", b"rXYZ"
    deep = Image.fromarray(np.asarray(three.convert("L")).astype(np.uint16) * 256 + 9)
    made = {
        "photo.jpg": (tinted.resize((640, 480)), {"quality": 70, "icc_profile": bytes(profile)}),
        "progressive.jpg": (two, {"progressive": True}),
        "turned.jpg": (three, {"exif": turned}),
        "gray.jpg": (one.convert("L"), {}),
        "clear.png": (clear, {}),
        "palette.png": (two.quantize(16), {"transparency": 0}),
        "deep.png": (deep, {}),
        "clear.webp": (clear.transpose(Image.Transpose.ROTATE_90), {"quality": 60}),
        "wide.png": (wide, {}),
        "tiny.png": (one.crop((9, 9, 10, 10)), {}),
    }
    for name, (picture, options) in made.items():
        picture.save(tmp_path / name, **options)
    return [tmp_path / name for name in made]


def test_ten_pictures(
    browser: Browser, site, digit_run, picture_export, pictures, tmp_path
) -> None:
    address, folder = site
    (folder / "model").symlink_to(picture_export)
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(pictures[0].read_bytes()[:100])

    visit = browser.visit(address, width=400)
    browser.wait_until("!document.querySelector('main').hidden")
    browser.choose_files("#files", [*pictures, broken])
    browser.wait_until("document.querySelectorAll('article:not([aria-busy])').length === 11")
    *cards, last = browser.evaluate(CARDS)

    expected = tutelage.load(digit_run).predict(pictures)
    assert len({one.answer for one in expected}) == 3
    for card, path, one in zip(cards, pictures, expected, strict=True):
        assert (card["row"], card["said"]) == (path.name, one.answer)
        assert card["scores"] == pytest.approx(one.scores, abs=2e-3)
    assert last["said"] == "This browser cannot decode it as a picture."
    browser.listen(visit)
    assert visit.complaints == []
    outside = [url for url in visit.requests if not url.startswith((address, "data:", "blob:"))]
    assert outside == []
    assert browser.evaluate("document.documentElement.scrollWidth") <= 400


@pytest.fixture
def more_pictures(pictures, tmp_path) -> list[Path]:
    """Pictures of every kind that Pillow writes and a browser reads."""
    draw = np.random.default_rng(1)
    noise = Image.fromarray(draw.integers(0, 256, (61, 83, 3), np.uint8))
    clear = Image.fromarray(draw.integers(0, 256, (64, 64, 4), np.uint8))
    gamma = PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4, "big"))
    turns = [Image.Exif() for _ in range(8)]
    for orientation, turn in enumerate(turns, 1):
        turn[274] = orientation
    made = {
        **{f"{4 - kind}.jpg": (noise, {"subsampling": kind}) for kind in range(3)},
        **{f"turned-{number}.jpg": (noise, {"exif": turn}) for number, turn in enumerate(turns, 1)},
        "turned.png": (noise, {"exif": turns[5]}),
        "cmyk.jpg": (noise.convert("CMYK"), {}),
        "gray.png": (noise.convert("L"), {}),
        "bits.png": (noise.convert("1"), {}),
        "gray-clear.png": (clear.convert("LA"), {}),
        "hidden.png": (noise, {"transparency": noise.getpixel((0, 0))}),
        "gamma.png": (noise, {"pnginfo": gamma}),
        "huge.png": (noise.resize((20_000, 20)), {}),
        "clear-exactly.webp": (clear, {"lossless": True}),
        "lossy.webp": (noise, {"quality": 50}),
        "noise.avif": (noise, {}),
        "noise.gif": (noise.quantize(200), {}),
        "noise.bmp": (noise, {}),
    }
    for name, (picture, options) in made.items():
        picture.save(tmp_path / name, **options)
    return [*pictures, *(tmp_path / name for name in made)]


def test_pixels_are_those_of_pillow(browser: Browser, site, more_pictures) -> None:
    address, folder = site
    browser.visit(address, width=400)
    for path in more_pictures:
        shutil.copy(path, folder)
        height, width, digest = browser.evaluate(PIXELS.replace("NAME", path.name))
        image = Decoding().decode(path.read_bytes(), name=path.name)
        assert (width, height) == image.size
        assert bytes(digest) == hashlib.sha256(image.tobytes()).digest(), path.name


def test_texts(browser: Browser, site, review_run, texts) -> None:
    address, _ = site
    rows = ["fine", "a dull film\nwithout an end", "so so " * 40]
    visit = browser.visit(f"{address}?model=texts", width=400)
    browser.wait_until("!document.querySelector('main').hidden")
    for text in rows:
        browser.evaluate(f"ask.elements.text.value = {json.dumps(text)}; ask.requestSubmit()")
    browser.wait_until("document.querySelectorAll('article:not([aria-busy])').length === 3")
    too_long, *cards = browser.evaluate(CARDS)
    expected = tutelage.load(review_run).predict(rows[:2])
    for card, text, one in zip(reversed(cards), rows, expected, strict=False):
        assert (card["row"], card["said"]) == (text, one.answer)
        assert card["scores"] == pytest.approx(one.scores, abs=1e-5)
    assert "the student reads 40" in too_long["said"]
    browser.listen(visit)
    assert visit.complaints == []


@pytest.mark.parametrize(
    "changes",
    [{}, {"cut_at": "start"}, {"fixed_length": True, "pad_id": 7}],
    ids=["cut at the end", "cut at the start", "padded"],
)
def test_tokens_are_those_of_python(browser: Browser, site, texts, changes) -> None:
    address, _ = site
    about = json.loads((texts / "preprocess.json").read_text())["text"]
    about |= {"template": None, **changes}
    browser.visit(address, width=400)
    page = TOKENS.replace("ABOUT", json.dumps(about)).replace("TEXTS", json.dumps(TEXTS))
    program = runpy.run_path(str(EXAMPLE.parent / "onnx_alone" / "classify.py"))
    for text, found in zip(TEXTS, browser.evaluate(page), strict=True):
        expected = program["token_tensors"]([text], about, texts)
        assert found == {name: values[0].tolist() for name, values in expected.items()}, text


@pytest.mark.parametrize(
    ("name", "about", "advice"),
    [
        ("none", None, "'tutelage export RUN --out FOLDER' writes it"),
        ("pixels", {"image": {"takes": "pixels"}}, "export it with --input picture"),
        ("pairs", {"image": {}, "text": {}}, "pictures with texts"),
        ("columns", {"text": {"columns": ["a", "b"]}}, "several texts (a, b)"),
    ],
)
def test_a_model_that_the_page_cannot_run(browser: Browser, site, name, about, advice) -> None:
    address, folder = site
    if about is not None:
        (folder / name).mkdir()
        (folder / name / "preprocess.json").write_text(json.dumps(about))
    browser.visit(f"{address}?model={name}", width=400)
    browser.wait_until("document.querySelector('.error')")
    assert advice in browser.evaluate("document.querySelector('#status').textContent")
