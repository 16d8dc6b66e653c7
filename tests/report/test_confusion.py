"""The matrix of the page: all classes, or the most confused ones and the others in one."""

import torch

from tutelage.report.confusion import MOST_CLASSES, clipped_name, matrix_view, pair_table

SPACE = "\N{NO-BREAK SPACE}"


def test_few_classes_are_all_shown():
    matrix = torch.tensor([[8, 2], [1, 3]])
    view = matrix_view(matrix, ["<b>", "b"])
    assert view.names == ("<b>", "b")
    assert [[cell.rows for cell in row] for row in view.cells] == matrix.tolist()
    assert [[cell.kind for cell in row] for row in view.cells] == [
        ["right", "wrong"],
        ["wrong", "right"],
    ]
    assert view.cells[0][1].percent == 20
    assert view.cells[1][0].title == "b, given <b>: 1 of 4"
    assert "others" not in view.caption


def test_of_many_classes_none_is_lost():
    draw = torch.Generator().manual_seed(0)
    matrix = torch.randint(3, (100, 100), generator=draw)
    matrix[97, 40] = 50
    names = [f"class {number}" for number in range(100)]
    view = matrix_view(matrix, names)
    assert len(view.names) == MOST_CLASSES + 1
    assert {"class 97", "class 40"} <= set(view.names)
    assert view.names[-1] == "others"
    assert sum(cell.rows for row in view.cells for cell in row) == int(matrix.sum())
    row = view.cells[view.names.index("class 97")]
    assert sum(cell.rows for cell in row) == int(matrix[97].sum())
    assert view.cells[-1][-1].kind == "", "others may be taken for each other"
    assert "the 20 of 100 classes" in view.caption


def test_a_class_without_rows_has_no_share():
    view = matrix_view(torch.tensor([[0, 0], [1, 1]]), ["a", "b"])
    assert [cell.percent for cell in view.cells[0]] == [0, 0]


def test_pairs():
    table = pair_table(torch.tensor([[8, 2], [0, 3]]), ["a", "b"])
    assert table.rows == (("a", "b", "2", f"20{SPACE}%"),)
    assert pair_table(torch.tensor([[8, 0], [0, 3]]), ["a", "b"]) is None


def test_long_names_keep_both_ends_and_dollars():
    assert clipped_name("a$" + "b" * 40 + "z", 10) == "a$bbb…bbbz"
