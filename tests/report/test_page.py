"""The page's content, for real run folders."""

import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tutelage.errors import DataError, OutputError
from tutelage.report import write_report
from tutelage.results.result import StudentInfo

SPACE = "\N{NO-BREAK SPACE}"


class Text(HTMLParser):
    """The words of a page, its heading, its ids, and whether each tag is closed."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.heading = ""
        self.ids: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)
        if "h1" in self.open:
            self.heading += data

    @property
    def all(self) -> str:
        return " ".join(" ".join(self.words).replace(SPACE, " ").split())


def text_of(page: Path) -> Text:
    return Text(page.read_text(encoding="utf-8"))


@pytest.fixture
def seeds(tmp_path: Path, write_run) -> list[Path]:
    """Standard fine-tuning at 76.0 to 76.8 %, AFT 1.0, 2.0 and 3.0 points above."""
    stl = [
        write_run(tmp_path / f"stl-{s}", method="stl", seed=s, accuracy=0.76 + 0.004 * s)
        for s in range(3)
    ]
    aft = [write_run(tmp_path / f"aft-{s}", seed=s, accuracy=0.77 + 0.014 * s) for s in range(3)]
    return stl + aft


def test_one_run_beside_fine_tuning(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft", accuracy=0.7812)
    write_run(tmp_path / "stl", method="stl", accuracy=0.7655)
    page = write_report([run])
    text = text_of(page)

    assert page == run / "report.html"
    assert text.heading.replace(SPACE, " ") == (
        "AFT came out 1.6 points above standard fine-tuning, but one seed is not enough to tell."
    )
    for words in (
        "78.12 %",
        "76.55 %",
        "+1.57",
        "With 2,000 test rows",
        "tutelage train config.toml",
    ):
        assert words in text.all
    assert text.open == []


def test_several_seeds(tmp_path: Path, seeds: list[Path]) -> None:
    page = write_report(seeds, probes={"MPNet": 0.848}, notes=["β came from a hold-out."])
    text = text_of(page)

    assert page == tmp_path / "report.html"
    # Differences of 1, 2 and 3 points: mean 2, standard error 1 / sqrt(3).
    assert (
        text.heading.replace(SPACE, " ")
        == "AFT is above standard fine-tuning by 2.0 ± 0.6 points over 3 seeds."
    )
    for words in (
        "+2.00 ± 0.58",
        "76.40 ± 0.23 %",
        "78.40 ± 0.81 %",
        "84.80 %",
        "8.4 points above standard fine-tuning",
        "3 seeds are few",
        "β came from a hold-out.",
        "Every run",
        "Seeds 0, 1, 2",
    ):
        assert words in text.all


def test_verdict_follows_the_numbers(tmp_path: Path, write_run) -> None:
    def heading(name: str, differences: list[float]) -> str:
        folders = []
        for seed, difference in enumerate(differences):
            folders.append(
                write_run(tmp_path / name / f"s{seed}", method="stl", seed=seed, accuracy=0.7)
            )
            folders.append(
                write_run(tmp_path / name / f"a{seed}", seed=seed, accuracy=0.7 + difference)
            )
        return text_of(write_report(folders)).heading.replace(SPACE, " ")

    assert heading("below", [-0.01, -0.02, -0.03]) == (
        "AFT is below standard fine-tuning by 2.0 ± 0.6 points over 3 seeds."
    )
    assert heading("none", [0.03, -0.03, 0.012]) == (
        "AFT makes no difference beyond noise: "
        "+0.4 ± 1.8 points against standard fine-tuning over 3 seeds."
    )
    assert heading("two", [0.01, 0.02]) == (
        "AFT came out 1.5 ± 0.5 points above standard fine-tuning, but 2 seeds are not enough to tell."
    )
    assert heading("level", [0.0]) == "AFT and standard fine-tuning are level over one seed."


def test_without_fine_tuning_beside(tmp_path: Path, write_run) -> None:
    text = text_of(write_report([write_run(tmp_path / "aft", accuracy=0.78)]))

    assert text.heading.replace(SPACE, " ") == "AFT reaches 78.0 % with one seed."
    assert "nothing here says whether the transfer helped" in text.all
    assert "tutelage train aft/config.toml --method stl --out aft-stl" in text.all


def test_unfair_comparison_is_called_so(tmp_path: Path, write_run) -> None:
    write_run(tmp_path / "stl", method="stl", steps=50)
    text = text_of(write_report([write_run(tmp_path / "aft", steps=400)]))

    assert "the difference is not due to the transfer alone" in text.all


def test_doubts_about_a_student_are_notes(tmp_path: Path, write_run) -> None:
    student = StudentInfo(
        source="timm:s", parameters=1000, width=8, tap="head", doubts=("it has not settled",)
    )
    text = text_of(write_report([write_run(tmp_path / "aft", seed=3, student=student)]))

    assert "AFT, seed 3: it has not settled." in text.all


def test_parts_that_are_missing_do_not_appear(tmp_path: Path, write_run) -> None:
    whole = text_of(write_report([write_run(tmp_path / "whole" / "aft")])).all
    bare = text_of(
        write_report([write_run(tmp_path / "bare" / "stl", method="stl", history=False)])
    ).all
    no_rho = text_of(write_report([write_run(tmp_path / "kd" / "run", method="kd", rho=False)])).all

    for words in ("Transfer term", "Task loss", "Weights of mpnet", "Sizes", "Mean ρ", "Share"):
        assert words in whole
        assert words not in bare
    for words in ("Weights of", "Mean ρ", "Share"):
        assert words not in no_rho
    assert "109 M" in no_rho


def test_hold_out_is_named(tmp_path: Path, write_run) -> None:
    text = text_of(write_report([write_run(tmp_path / "aft", split="holdout")])).all

    assert "Accuracy on the hold-out rows" in text
    assert "test rows" not in text


def test_several_methods(tmp_path: Path, write_run) -> None:
    folders = [
        write_run(
            tmp_path / f"{method}-{seed}",
            method=method,
            seed=seed,
            accuracy=0.7 + 0.01 * index + 0.001 * seed,
        )
        for index, method in enumerate(["stl", "aft", "kd"])
        for seed in range(3)
    ]
    text = text_of(write_report(folders))

    assert text.heading.startswith("KD is above")
    assert "highest of 2 methods" in text.all


def test_everything_is_in_the_file(seeds: list[Path]) -> None:
    page = write_report(seeds).read_text(encoding="utf-8")
    addresses = set(re.findall(r"https?://[^\s\"'<>)]*", page))

    assert addresses <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert not re.search(r"@import|url\((?!#)", page)


def test_ids_are_unique_and_found(seeds: list[Path]) -> None:
    page = write_report(seeds)
    ids = text_of(page).ids
    used = re.findall(r"url\(#([^)]+)\)|href=\"#([^\"]+)\"", page.read_text(encoding="utf-8"))

    assert len(ids) > 50
    assert len(ids) == len(set(ids))
    assert {first or second for first, second in used} <= set(ids)


def test_same_runs_give_the_same_bytes(tmp_path: Path, seeds: list[Path]) -> None:
    first = write_report(seeds, path=tmp_path / "one.html").read_bytes()
    second = write_report(seeds, path=tmp_path / "new" / "two.html").read_bytes()

    assert first == second


def test_all_words_of_users_are_escaped(tmp_path: Path, write_run) -> None:
    evil = "<script>alert('x')</script>&\"$\\frac$ 老師"
    run = write_run(
        tmp_path / "aft",
        name=evil,
        teachers={evil: (16, 1000), "b": (4, 10)},
        classes=[evil, "b"],
        device=evil,
        command=evil,
        method=f"module:{evil}",
        versions={evil: evil},
    )
    write_run(tmp_path / "stl", method="stl")
    page = write_report([run], probes={evil: 0.9}, notes=[evil], title=evil)
    source = page.read_text(encoding="utf-8")

    assert "<script" not in source
    assert text_of(page).open == []
    assert text_of(page).words.count(evil) >= 5


def test_config_on_the_page_can_be_run(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "aft")
    shown = [part for part in text_of(write_report([run])).words if "[train]" in part]

    assert tomllib.loads(shown[0])["train"]["batch_size"] == 64


def test_a_folder_gets_the_page_and_a_file_in_its_way_is_named(tmp_path: Path, write_run) -> None:
    run = write_run(tmp_path / "run")
    (tmp_path / "pages").mkdir()
    (tmp_path / "file").write_text("")
    assert write_report([run], path=tmp_path / "pages") == tmp_path / "pages/report.html"
    assert (tmp_path / "pages/report.html").is_file()
    with pytest.raises(OutputError, match=r"cannot write to the page .*choose another path"):
        write_report([run], path=tmp_path / "file/report.html")


@pytest.mark.parametrize("content", [None, "{}", "not json"])
def test_folder_without_a_result_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "result.json").write_text(content, encoding="utf-8")

    with pytest.raises(DataError, match="result"):
        write_report([tmp_path])


def test_a_folder_that_was_moved_is_used_where_it_is(tmp_path, write_run):
    before = write_run(tmp_path / "before", config={"output": {"dir": str(tmp_path / "before")}})
    after = before.rename(tmp_path / "after")
    page = write_report([after]).read_text()
    assert f"tutelage predict {after} DATA" in page
    assert f"tutelage predict {before} DATA" not in page
