"""The program that serves a run: its answers are those of the student."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import tutelage

PROGRAM = Path(__file__).parents[2] / "examples" / "serve" / "app.py"
SERVED = find_spec("gradio") is not None
ASK = """
import json, runpy, sys
sys.path[:0] = json.loads(sys.argv[1])
import conftest  # has the students of several columns
import tutelage
from gradio_client import Client, handle_file

page = runpy.run_path(sys.argv[2])["page"]
for run, *row in json.loads(sys.argv[3]):
    served = page(tutelage.load(run))
    served.launch(prevent_thread_lock=True, quiet=True)
    values = [handle_file(value) if value.endswith((".jpg", ".png")) else value for value in row]
    try:
        answer = Client(served.local_url, verbose=False).predict(*values)
    except Exception as error:
        answer = str(error)
    print("answer", json.dumps(answer))
    served.close()
"""


@pytest.mark.skipif(SERVED, reason="gradio is installed")
def test_without_gradio_it_says_what_to_install():
    ended = subprocess.run([sys.executable, PROGRAM, "run"], capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stderr.strip().endswith("pip install -r examples/serve/requirements.txt")


def asked(*rows):
    """What a client of the served runs is told, in a process that gradio's threads end with."""
    folders = [str(Path(__file__).parent), *sys.path]
    words = [json.dumps(folders), PROGRAM, json.dumps(rows, default=str)]
    ended = subprocess.run([sys.executable, "-c", ASK, *words], capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    lines = [line for line in ended.stdout.splitlines() if line.startswith("answer ")]
    return [json.loads(line.removeprefix("answer ")) for line in lines]


@pytest.mark.skipif(not SERVED, reason="gradio is not installed")
def test_answers(digit_run, digits, review_run, pair_run, captions, labels_run, numbers_run):
    digit, photo = min(digits.glob("test/*/*.jpg")), captions / "test-0.png"
    texts = ["row 0", "warm"]
    runs = [digit_run, review_run, pair_run, labels_run, numbers_run]
    rows = [digit, "a fine film", (photo, texts), texts, texts]
    given = [[digit], ["a fine film"], [photo, *texts], texts, texts]
    *answers, number, empty, blank = asked(
        *([run, *row] for run, row in zip(runs, given, strict=True)),
        [review_run, ""],
        [review_run, " "],
    )
    *expected, target = [
        tutelage.load(run).predict([row])[0] for run, row in zip(runs, rows, strict=True)
    ]
    for answer, one in zip(answers, expected, strict=True):
        scores = {part["label"]: part["confidence"] for part in answer["confidences"]}
        assert scores == pytest.approx(one.scores, abs=1e-5)
    assert answers[0]["label"] == expected[0].answer
    assert number == pytest.approx(target.scores, rel=1e-5)
    assert empty == "give text first"
    assert "only white space" in blank
