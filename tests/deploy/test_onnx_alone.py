"""The program that deploys an export with ONNX Runtime alone: its numbers are those of the student."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import tutelage
from tutelage.deploy.export import export

PROGRAM = Path(__file__).parents[2] / "examples" / "onnx_alone" / "classify.py"


def answers(folder, rows):
    """What the program prints; neither PyTorch nor tutelage is imported."""
    code = f"""
import runpy, sys
sys.argv = ["classify.py", {str(folder)!r}, *{[str(row) for row in rows]!r}]
runpy.run_path({str(PROGRAM)!r}, run_name="__main__")
assert not {{"torch", "tutelage", "transformers"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("form", ["pixels", "normalized", "picture"])
def test_ten_pictures(digit_run, picture_export, digits, tmp_path, form):
    folder = picture_export
    if form != "picture":
        folder = export(digit_run, out=tmp_path / "out", form=form, rows=3).folder
    rows = sorted(digits.glob("test/*/*.jpg"))[::2][:9]
    turned = Image.open(rows[0]).convert("LA").resize((50, 30))
    turned.putalpha(130)
    turned.save(tmp_path / "half-seen.png")
    rows.append(tmp_path / "half-seen.png")
    expected = tutelage.load(digit_run).predict(rows)
    for found, one in zip(answers(folder, rows), expected, strict=True):
        assert found["prediction"] == one.answer
        close = 2e-3 if form == "picture" else 1e-4
        assert found["scores"] == pytest.approx(one.scores, abs=close)


def test_texts(review_run, text_export):
    rows = ["fine", "a dull film without an end", "so so " * 40]
    expected = tutelage.load(review_run).predict(rows)
    for found, one in zip(answers(text_export, rows), expected, strict=True):
        assert found["prediction"] == one.answer
        assert found["scores"] == pytest.approx(one.scores, abs=1e-4)
