"""Features are those of the row that was meant, or refused; every row's features are its own number."""

import csv

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from tutelage import ExperimentConfig
from tutelage.config import DataConfig
from tutelage.data import open_data
from tutelage.errors import SourceError
from tutelage.experiment.plan import Plan
from tutelage.teachers import open_teacher

ADVICE = "tutelage rows DATA --out rows.csv"


def table(path, first, rows, *, ids=None):
    """Texts ``text FIRST`` onwards, so that every row of the data has a text of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label", *(["id"] if ids is not None else [])])
        for row in range(rows):
            name = [] if ids is None else [ids[row]]
            writer.writerow([f"text {first + row}", "ab"[row % 2], *name])


def save(path, ids, numbers, **columns):
    features = pa.array([[float(number), 1.0] for number in numbers])
    parquet.write_table(pa.table({"id": ids, "features": features, **columns}), path)


def plan(tmp_path, source, teacher, *, params=None, probes=True, **data):
    config = ExperimentConfig.model_validate(
        {
            "data": {"source": source, **data},
            "teachers": [{"source": f"features:{tmp_path / teacher}", "params": params or {}}],
        }
    )
    return Plan.of(config, trains=False, probes=probes)


def numbers(of, split):
    """The features' first column: the number in the row's text."""
    return of.teachers[0].open().read(split, range(len(split)))[:, 0].tolist()


def meant(split):
    return [float(split.rows[row][0].split()[1]) for row in range(len(split))]


@pytest.fixture
def two_splits(tmp_path):
    """60 training rows, 30 test rows and 40 unlabelled ones, all numbered from 0."""
    table(tmp_path / "tab/train.csv", 0, 60)
    table(tmp_path / "tab/test.csv", 100, 30)
    table(tmp_path / "more.csv", 200, 40)
    return f"table:{tmp_path / 'tab'}"


def test_row_numbers_of_one_split_are_not_those_of_another(two_splits, tmp_path):
    save(tmp_path / "x.parquet", list(range(60)), range(60))
    for probes in (True, False):
        with pytest.raises(
            SourceError, match="row of the train split and another one of the test"
        ) as e:
            plan(tmp_path, two_splits, "x.parquet", probes=probes)
        assert ADVICE in str(e.value)
        assert "features:emb_{split}.parquet" in str(e.value)


def test_row_numbers_of_another_source_are_not_those_of_this_one(tmp_path):
    table(tmp_path / "x.csv", 0, 60)
    table(tmp_path / "more.csv", 200, 40)
    save(tmp_path / "x.parquet", list(range(60)), range(60))
    source, more = f"table:{tmp_path}/x.csv", f"table:{tmp_path}/more.csv"
    alone = plan(tmp_path, source, "x.parquet")
    assert numbers(alone, alone.training) == meant(alone.training)
    assert numbers(alone, alone.evaluated) == meant(alone.evaluated)
    with pytest.raises(SourceError, match="train split and another one of the unlabelled split"):
        plan(tmp_path, source, "x.parquet", unlabelled=more)


def test_a_column_of_splits_qualifies_ids(two_splits, tmp_path):
    ids = [*range(60), *range(30), *range(40)]
    splits = ["train"] * 60 + ["test"] * 30 + ["unlabelled"] * 40
    values = [*range(60), *range(100, 130), *range(200, 240)]
    order = np.random.default_rng(0).permutation(130)
    columns = [[column[i] for i in order] for column in (ids, values, splits)]
    save(tmp_path / "x.parquet", columns[0], columns[1], split=columns[2])
    joined = plan(tmp_path, two_splits, "x.parquet", unlabelled=f"table:{tmp_path}/more.csv")
    for split in (joined.training, joined.evaluated, *joined.splits.unlabelled):
        assert numbers(joined, split) == meant(split)
    with pytest.raises(
        SourceError, match=r"twice; ids must be unique in a split, and a column.* repeat some"
    ):
        plan(tmp_path, two_splits, "x.parquet", params={"split": ""})
    with pytest.raises(
        SourceError, match=r"no column 'part' for teachers.params.split; it has: id"
    ):
        plan(tmp_path, two_splits, "x.parquet", params={"split": "part"})


def test_one_file_a_split(two_splits, tmp_path):
    for split, first, rows in (("train", 0, 60), ("test", 100, 30), ("unlabelled", 200, 40)):
        save(tmp_path / f"x_{split}.parquet", list(range(rows)), range(first, first + rows))
    joined = plan(
        tmp_path, two_splits, "x_{split}.parquet", unlabelled=f"table:{tmp_path}/more.csv"
    )
    for split in (joined.training, joined.evaluated, *joined.splits.unlabelled):
        assert numbers(joined, split) == meant(split)


def test_missing_splits_are_refused_before_anything_is_computed(two_splits, tmp_path):
    save(tmp_path / "x.parquet", list(range(60)), range(60), split=["train"] * 60)
    training = plan(tmp_path, two_splits, "x.parquet", probes=False)
    assert numbers(training, training.training) == meant(training.training)
    with pytest.raises(
        SourceError, match=r"no rows of split 'test'; its column of splits has: train"
    ):
        plan(tmp_path, two_splits, "x.parquet")


def test_the_splits_of_the_source_keep_their_names(tmp_path):
    for split, first, rows in (("train", 0, 60), ("validation", 100, 20), ("test", 200, 20)):
        table(tmp_path / f"tab/{split}.csv", first, rows)
    # As of GLUE: the test rows have secret labels, so the validation split is the test set.
    source, named = f"table:{tmp_path}/tab", {"test": "validation"}
    ids, values = (
        [*range(60), *range(20), *range(20)],
        [*range(60), *range(100, 120), *range(200, 220)],
    )
    splits = ["train"] * 60 + ["validation"] * 20 + ["test"] * 20
    save(tmp_path / "all.parquet", ids, values, split=splits)
    joined = plan(tmp_path, source, "all.parquet", **named)
    assert numbers(joined, joined.evaluated) == meant(joined.evaluated)
    assert meant(joined.evaluated)[0] == 100
    (tmp_path / "tab/train.csv").rename(tmp_path / "tab/training.csv")
    (tmp_path / "tab/test.csv").unlink()
    save(tmp_path / "two.parquet", ["0", "0"], [0, 1], split=["train", "training"])
    with pytest.raises(SourceError, match=r"both 'train' and 'training'.*name them 'train' alone"):
        plan(tmp_path, source, "two.parquet")


def test_ids_counted_from_1_are_refused(tmp_path):
    table(tmp_path / "x.csv", 0, 60)
    save(tmp_path / "one.parquet", list(range(1, 61)), range(60))
    # Ten rows are drawn, perhaps without row 0: every one of them has an id that the file has.
    for limit in ({}, {"limit": 10}):
        with pytest.raises(
            SourceError, match=r"numbered from 0 to 59, but the ids .* include '60'"
        ):
            plan(tmp_path, f"table:{tmp_path}/x.csv", "one.parquet", **limit)
    save(tmp_path / "part.parquet", list(range(1, 60)), range(59))
    with pytest.raises(SourceError, match="begin at another number"):
        plan(tmp_path, f"table:{tmp_path}/x.csv", "part.parquet", limit=10)


@pytest.mark.parametrize("first", [0, 1])
def test_declared_ids_counted_from_another_number_are_refused(first, tmp_path):
    table(tmp_path / "x.csv", 0, 60, ids=list(range(first, 60 + first)))
    save(tmp_path / "x.parquet", list(range(1 - first, 61 - first)), range(60))
    with pytest.raises(SourceError, match=f"{'minus' if first else 'plus'} 1, so they seem"):
        plan(tmp_path, f"table:{tmp_path}/x.csv", "x.parquet", limit=10)


def test_ids_of_a_column_may_leave_rows_out_and_have_more(tmp_path):
    names = [f"row-{number}" for number in range(60)]
    table(tmp_path / "x.csv", 0, 60, ids=names)
    save(tmp_path / "x.parquet", [*names[::-1], "another"], [*range(59, -1, -1), 7])
    joined = plan(tmp_path, f"table:{tmp_path}/x.csv", "x.parquet")
    assert numbers(joined, joined.training) == meant(joined.training)
    save(tmp_path / "few.parquet", names[:30], range(30))
    with pytest.raises(
        SourceError, match=r"\(\d+ of 48 rows have none\); its ids look like 'row-0'"
    ):
        plan(tmp_path, f"table:{tmp_path}/x.csv", "few.parquet", probes=False)


def test_ids_that_are_written_otherwise_say_how(tmp_path):
    table(tmp_path / "x.csv", 0, 20, ids=[f"{number:04d}" for number in range(20)])
    save(tmp_path / "x.parquet", list(range(20)), range(20))
    with pytest.raises(
        SourceError, match=r"differ in leading zeros: '00\d\d' of the data is '\d+'"
    ):
        plan(tmp_path, f"table:{tmp_path}/x.csv", "x.parquet")


def test_rows_that_were_left_out_and_numbered_anew_are_refused(tmp_path):
    """NTMC-Community/MatchZoo#651: ``dropna`` and ``reset_index`` before features are computed."""
    table(tmp_path / "x.csv", 0, 60)
    lines = (tmp_path / "x.csv").read_text().splitlines()
    lines[4] = lines[4][:-1]  # row 3 has no label
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    present = [number for number in range(60) if number != 3]
    save(tmp_path / "anew.parquet", list(range(59)), present)
    source = f"table:{tmp_path}/x.csv"
    for limit in ({}, {"limit": 10}):  # ten rows are drawn, perhaps without the last
        with pytest.raises(SourceError, match=r"ids from 0 to 58, but the train split has 60 rows"):
            plan(tmp_path, source, "anew.parquet", **limit)
    save(tmp_path / "gap.parquet", present, present)
    joined = plan(tmp_path, source, "gap.parquet")
    for split in (joined.training, joined.evaluated):
        assert numbers(joined, split) == meant(split)


def test_numbers_of_the_labelled_rows_alone_are_right_if_these_come_first(tmp_path):
    table(tmp_path / "x.csv", 0, 60)
    lines = (tmp_path / "x.csv").read_text().splitlines()
    lines[41:] = [line[:-1] for line in lines[41:]]
    (tmp_path / "x.csv").write_text("\n".join(lines) + "\n")
    save(tmp_path / "x.parquet", list(range(40)), range(40))
    joined = plan(tmp_path, f"table:{tmp_path}/x.csv", "x.parquet")
    for split in (joined.training, joined.evaluated):
        assert numbers(joined, split) == meant(split)


def test_an_id_in_two_splits_is_the_same_row_or_refused(tmp_path):
    table(tmp_path / "x.csv", 0, 10, ids=list("abcdefghij"))
    table(tmp_path / "same.csv", 5, 10, ids=list("fghijklmno"))
    table(tmp_path / "other.csv", 50, 10, ids=list("fghijklmno"))
    save(tmp_path / "x.parquet", list("abcdefghijklmno"), range(15))
    source = f"table:{tmp_path}/x.csv"
    joined = plan(tmp_path, source, "x.parquet", unlabelled=f"table:{tmp_path}/same.csv")
    (more,) = joined.splits.unlabelled
    assert numbers(joined, more) == meant(more)
    with pytest.raises(SourceError, match="the id 'f' is a row of the train split and another one"):
        plan(tmp_path, source, "x.parquet", unlabelled=f"table:{tmp_path}/other.csv")


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (pa.array(["0", None]), "row 1 has no value in column 'id'"),
        (pa.array([0.0, 1.0]), "holds double; .* pandas makes numbers with a point"),
        (pa.array([b"0", b"1"]), "holds binary; ids and splits are"),
    ],
)
def test_ids_that_name_nothing_are_refused(ids, message, tmp_path):
    table(tmp_path / "x.csv", 0, 20)
    save(tmp_path / "x.parquet", ids, range(2))
    with pytest.raises(SourceError, match=message):
        plan(tmp_path, f"table:{tmp_path}/x.csv", "x.parquet")


def test_an_array_is_matched_by_a_table_of_its_rows(two_splits, tmp_path):
    order = np.random.default_rng(0).permutation(90)
    rows = [(i, "train", i) for i in range(60)] + [(i, "test", 100 + i) for i in range(30)]
    with (tmp_path / "rows.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "split"])
        writer.writerows(rows[i][:2] for i in order)
    np.save(tmp_path / "x.npy", np.array([[rows[i][2], 1.0] for i in order]))
    params = {"rows": str(tmp_path / "rows.csv")}
    joined = plan(tmp_path, two_splits, "x.npy", params=params)
    for split in (joined.training, joined.evaluated):
        assert numbers(joined, split) == meant(split)
    before = joined.teachers[0].open().identity()
    (tmp_path / "rows.csv").write_text("id,split\n" + "0,train\n" * 90)
    assert joined.teachers[0].open().identity() != before
    with pytest.raises(SourceError, match="has the id '0' twice in split 'train'"):
        plan(tmp_path, two_splits, "x.npy", params=params)
    (tmp_path / "rows.csv").write_text("id,split\n0,train\n")
    with pytest.raises(
        SourceError, match=r"names 1 rows, but .* has 90; there must be a line for each"
    ):
        plan(tmp_path, two_splits, "x.npy", params=params)
    (tmp_path / "rows.csv").write_text("name,split\n" + "0,train\n" * 90)
    with pytest.raises(SourceError, match=r"has no column 'id'; it has: name, split"):
        plan(tmp_path, two_splits, "x.npy", params=params)
    with pytest.raises(SourceError, match=r"no column 'key' for teachers.params.id; it has: none"):
        plan(tmp_path, two_splits, "x.npy", params={"id": "key"})


@pytest.fixture
def pictures(tmp_path):
    """Pictures numbered 1 to 12, whose names sort otherwise as texts than as numbers."""
    for number in range(1, 13):
        path = tmp_path / f"pics/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
    return f"folder:{tmp_path / 'pics'}"


def red(split):
    return [float(split.rows[row].getpixel((0, 0))[0]) for row in range(len(split))]


def test_an_array_in_the_order_of_another_program(pictures, tmp_path):
    from timm.data.readers.reader_image_folder import find_images_and_targets

    found, _ = find_images_and_targets(str(tmp_path / "pics"))
    natural = [float(path.rpartition("/")[2].removesuffix(".png")) for path, _ in found]
    np.save(tmp_path / "x_train.npy", np.array([[number, 1.0] for number in natural]))
    with pytest.raises(SourceError, match=r"its row 0 is 'a/10.png' in .*'a/2.png' as timm lists"):
        plan(tmp_path, pictures, "x_{split}.npy")
    joined = plan(tmp_path, pictures, "x_{split}.npy", params={"order": "timm"})
    for split in (joined.training, joined.evaluated):
        assert numbers(joined, split) == red(split)
    by_path = plan(tmp_path, pictures, "x_{split}.npy", params={"order": "rows"})
    assert numbers(by_path, by_path.training) != red(by_path.training)
    assert joined.teachers[0].open().identity() != by_path.teachers[0].open().identity()


def test_orders_that_agree_need_no_setting(tmp_path):
    for number in range(8):
        path = tmp_path / f"pics/{'ab'[number % 2]}/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (number, 0, 0)).save(path)
    np.save(tmp_path / "x_train.npy", np.array([[n, 1.0] for n in (0, 2, 4, 6, 1, 3, 5, 7)]))
    joined = plan(tmp_path, f"folder:{tmp_path}/pics", "x_{split}.npy")
    assert numbers(joined, joined.training) == red(joined.training)
    stated = plan(tmp_path, f"folder:{tmp_path}/pics", "x_{split}.npy", params={"order": "rows"})
    assert stated.teachers[0].open().identity() == joined.teachers[0].open().identity()


def test_an_order_of_files_is_refused_for_what_is_not_a_folder(two_splits, tmp_path):
    np.save(tmp_path / "x_train.npy", np.ones((60, 2)))
    with pytest.raises(SourceError, match="'timm' is an order of files in a folder"):
        plan(tmp_path, two_splits, "x_{split}.npy", params={"order": "timm"}, probes=False)
    save(tmp_path / "x.parquet", list(range(60)), range(60), split=["train"] * 60)
    with pytest.raises(SourceError, match=r"has ids, by which.*remove teachers.params.order"):
        plan(tmp_path, two_splits, "x.parquet", params={"order": "timm"}, probes=False)


def test_paths_of_two_sources_may_be_equal(pictures, tmp_path):
    for number in range(1, 5):
        path = tmp_path / f"more/a/{2 * number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4), (100 + number, 0, 0)).save(path)
    ids = [f"{'ab'[number % 2]}/{number}.png" for number in range(1, 13)]
    save(tmp_path / "x.parquet", ids, range(1, 13))
    joined = plan(tmp_path, pictures, "x.parquet")
    assert numbers(joined, joined.training) == red(joined.training)
    with pytest.raises(SourceError, match=r"the id 'a/2.png' is a row of the train split"):
        plan(tmp_path, pictures, "x.parquet", unlabelled=f"folder:{tmp_path}/more")


def test_a_read_alone_is_checked_too(tmp_path):
    table(tmp_path / "x.csv", 0, 20)
    save(tmp_path / "one.parquet", list(range(1, 21)), range(20))
    _, splits = open_data(DataConfig(source=f"table:{tmp_path}/x.csv"))
    teacher = open_teacher(f"features:{tmp_path}/one.parquet", modality="text")
    with pytest.raises(SourceError, match="numbered from 0 to 19"):
        teacher.read(splits.extracted, [5])
