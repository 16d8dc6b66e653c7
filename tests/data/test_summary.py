"""The statement of what was read and chosen: rows, classes, columns, and what was left out."""

from pathlib import Path

from tutelage.config import DataConfig
from tutelage.data import open_data, summarize


def told(source: Path, **options) -> list[str]:
    config = DataConfig(source=f"table:{source}", **options)
    first, *others = summarize(*open_data(config), config)
    assert all(line.startswith("  ") for line in others)
    return [first.replace(f"{source}", "SOURCE"), *(line[2:] for line in others)]


def rows(count: int, *columns: str, start: int = 0) -> str:
    lines = (
        ",".join([*(f"{c}{n}" for c in columns), "xyz"[n % 3]]) for n in range(start, start + count)
    )
    return ",".join([*columns, "label"]) + "\n" + "\n".join(lines) + "\n"


def test_one_table(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(rows(30, "id", "sentence1", "sentence2", "title") + "\n\n")
    assert told(path) == [
        "table:SOURCE: 24 training rows; 6 test rows, drawn from the training rows",
        "3 classes: x, y, z (from the column 'label')",
        "reads the texts 'sentence1', 'sentence2', the id 'id'; not 'title', which data.text or data.image would add",
        "a.csv: 2 blank lines skipped",
    ]


def test_splits_and_rows_that_are_not_used(tmp_path):
    (tmp_path / "train.csv").write_text(rows(30, "text") + "no label,\n")
    (tmp_path / "dev.csv").write_text(rows(6, "text"))
    (tmp_path / "test.csv").write_text(rows(9, "text") + "no label,\n")
    (tmp_path / "sample_submission.csv").write_text("id,label\n1,x\n")
    more = tmp_path / "more" / "more.csv"
    more.parent.mkdir()
    more.write_text("text;note\na;b\nc;d\n")
    extra = {"unlabelled": f"table:{more}", "limit": 24}
    assert told(tmp_path, **extra) == [
        "table:SOURCE: 24 training rows; 9 test rows; 3 rows without a label",
        "3 classes: x, y, z (from the column 'label')",
        "reads the text 'text'",
        "1 test row without a label: not evaluated",
        "6 validation rows: used only with data.evaluate = 'holdout'",
        "data.limit keeps 24 of the training rows",
        "sample_submission is no training, test or validation split and is not read",
        "unlabelled rows: more.csv: values are separated by semicolons (data.params.delimiter)",
    ]
    assert told(tmp_path, evaluate="holdout")[0].endswith(
        "30 training rows; 6 holdout rows; 1 row without a label"
    )
    folded = told(tmp_path, evaluate="holdout", folds=3, fold=1)
    assert folded[0].endswith(
        "20 training rows; 10 holdout rows, fold 1 of 3 of the training rows; 1 row without a label"
    )
    assert "6 validation rows: used only without data.folds" in folded


def test_the_options_of_more_rows_are_their_own(tmp_path):
    path, more = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text(rows(9, "text").replace(",", ";"))
    more.write_text("a\nb\n")
    lines = told(
        path,
        params={"delimiter": ";"},
        unlabelled=f"table:{more}",
        unlabelled_params={"header": ["text"]},
    )
    assert lines[0].endswith("; 2 rows without a label")


def test_many_classes_and_regression(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("text,label\n" + "".join(f"a,{n % 15}\n" for n in range(90)))
    assert "15 classes: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 3 more" in told(path)[1]
    assert told(path, task="regression")[1] == "1 target: label"


def test_classes_of_which_no_row_is_evaluated_are_named(tmp_path):
    (tmp_path / "train.csv").write_text(rows(30, "text"))
    (tmp_path / "test.csv").write_text("text,label\na,x\nb,z\n")
    assert "no test row of the class 'y': it is not measured" in told(tmp_path)
    (tmp_path / "test.csv").write_text("text,label\na,x\n")
    assert "no test row of 2 classes 'y', 'z': they are not measured" in told(tmp_path)
