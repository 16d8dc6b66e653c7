"""``tutelage rows``, and the way through: rows listed, features computed elsewhere, read back by id."""

import csv
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

PAGE = Path(__file__).parents[1] / "docs/features.md"


@pytest.fixture
def tables(tmp_path):
    """Tables without ids: row 0 of each split is another text; and an unlabelled one."""
    (tmp_path / "reviews").mkdir()
    for split, first, rows in (("train", 0, 60), ("test", 60, 30)):
        lines = [
            f"a {'pf'[n % 7 < 3]}ilm story {n},{n % 7 < 3}" for n in range(first, first + rows)
        ]
        (tmp_path / f"reviews/{split}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    (tmp_path / "more.csv").write_text("text\n" + "".join(f"more {n}\n" for n in range(40)))
    return "table:reviews"


def accuracy(said):
    return float(re.search(r"^\S+ +([\d.]+) ±", said, re.MULTILINE)[1])


def test_the_page_s_example(tables, command, tmp_path):
    assert command("rows", tables, "--out", "rows.csv")[0] == 0
    (program,) = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    exec(compile(program, PAGE, "exec"), {})
    status, said, refused = command("probe", "--data", tables, "--teacher", "features:emb.parquet")
    assert status == 0, refused
    assert accuracy(said) > 95
    rows = pd.read_csv("rows.csv", dtype=str, keep_default_na=False).sample(frac=1, random_state=0)
    frame = pd.read_parquet("emb.parquet").loc[rows.index]
    np.save("emb.npy", np.stack(frame["features"].tolist()))
    frame.drop(columns="features").to_csv("shuffled.csv", index=False)
    (tmp_path / "c.toml").write_text(
        f'[data]\nsource = "{tables}"\n[[teachers]]\nsource = "features:emb.npy"\n'
        'params = { rows = "shuffled.csv" }\n'
    )
    status, shuffled, refused = command("probe", "c.toml")
    assert status == 0, refused
    assert accuracy(shuffled) == accuracy(said)
    pd.read_parquet("emb.parquet").drop(columns="split").to_parquet("ids.parquet")
    status, _, refused = command("probe", "--data", tables, "--teacher", "features:ids.parquet")
    assert status == 2
    assert "has the id '0' twice" in refused


def test_rows_of_a_config_with_an_unlabelled_source(tables, command, tmp_path):
    (tmp_path / "c.toml").write_text(
        f'[data]\nsource = "{tables}"\nunlabelled = "table:more.csv"\nevaluate = "holdout"\n'
        '[[teachers]]\nsource = "hf:x"\n'
    )
    status, said, refused = command("rows", "c.toml")
    assert status == 0, refused
    assert said == (
        "wrote rows.csv: 60 train, 30 test, 40 unlabelled rows; ids are row numbers, which start at 0 "
        "in each split: keep the column split, too\n"
    )
    with (tmp_path / "rows.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["split"] for line in lines] == ["train"] * 60 + ["test"] * 30 + ["unlabelled"] * 40
    assert [line["id"] for line in lines[:2]] == ["0", "1"]
    assert lines[-1] == {
        "id": "39", "label": "", "split": "unlabelled", "path": "", "text": "more 39",
    }  # fmt: skip


def test_ids_are_written_as_they_are(command, tmp_path):
    (tmp_path / "x.csv").write_text('id,text,label\n007,a,NA\n"=1,2",b,x\n')
    status, said, refused = command("rows", "table:x.csv", "--set", "data.id=id")
    assert status == 0, refused
    assert "ids are those of the data's column" in said
    with (tmp_path / "rows.csv").open(newline="") as file:
        assert [(r["id"], r["label"]) for r in csv.DictReader(file)] == [
            ("007", "NA"),
            ("=1,2", "x"),
        ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["reviews"], "reviews is a folder; write folder:reviews"),
        (["more.csv"], "more.csv is no config file (.toml); write table:more.csv for a table"),
        (["tabel:more.csv"], "did you mean 'table'"),
        (["none.toml"], "no config file none.toml"),
        (["table:reviews", "--out", "more.csv"], "more.csv exists already; choose another name"),
        (["table:reviews", "--out", "no/rows.csv"], "there is no folder no for rows.csv"),
        (["table:reviews", "--out", "rows.parquet"], "choose a name with the ending .csv"),
    ],
)
def test_mistakes(words, message, tables, command):
    status, _, refused = command("rows", *words)
    assert status == 2
    assert message in refused
