"""The table for LaTeX: a float that compiles, the best in bold, any text as it stands."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tutelage.report.latex import latex_text
from tutelage.results.comparison import Comparison

STL = {0: 0.70, 1: 0.72, 2: 0.71}
NASTY = r"a_b|c&d%e$f#{g}~h^i\j[k]*<l> 漢"
DOCUMENT = "\\documentclass{article}\\usepackage{booktabs}\\begin{document}\n%s\\end{document}\n"


def test_a_float_with_caption_label_and_bold(plain: Comparison) -> None:
    text = latex_text(plain)

    for words in (
        r"\begin{table}",
        r"\caption{Accuracy on the test rows of flowers, mean $\pm$ standard error over 3 seeds.",
        r"\label{tab:flowers}",
        r"Method & Accuracy (\%) & Difference & Probe (\%) \\",
        r"AFT & \textbf{74.00~$\pm$~0.58} & +3.00~$\pm$~0.00 & 81.00 \\",
    ):
        assert words in text
    assert text.count(r"\textbf") == 1


def test_each_student_and_fraction_has_its_best(wide: Comparison) -> None:
    text = latex_text(wide)

    assert text.count(r"\textbf") == 2
    assert text.count(r"\begin{table}") == 2
    assert r"\label{tab:flowers-methods}" in text


def test_any_text_is_set_as_it_stands(table, scores) -> None:
    text = latex_text(
        table(
            scores("stl", STL, student=NASTY),
            scores("[x]:*Y", {}, failures={0: f"{NASTY}\nand so on"}, student=NASTY + "2"),
        )
    )
    body = re.search(r"\\midrule\n(.*?)\n\\bottomrule", text, re.DOTALL)
    assert body is not None
    rows = [row for row in body[1].splitlines() if row != r"\midrule"]

    assert len(rows) == 2
    assert all(row.endswith(r" \\") for row in rows)
    columns = re.search(r"tabular\}\{(.*)\}\n", text)[1]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}
    assert (
        r"a\_b|c\&d\%e\$f\#\{g\}\textasciitilde{}h\textasciicircum{}i\textbackslash{}j{[}k{]}{*}"
        r"\textless{}l\textgreater{} \texttt{U+6F22}"
    ) in rows[0]
    assert rows[0].count("{") == rows[0].count("}")
    assert text.isascii()
    assert r"{*}Y" in rows[1]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", ["plain", "wide"])
def test_it_compiles(name: str, request, tmp_path: Path) -> None:
    text = latex_text(request.getfixturevalue(name))
    (tmp_path / "paper.tex").write_text(DOCUMENT % text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, errors="replace",
    )  # fmt: skip

    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").is_file()
