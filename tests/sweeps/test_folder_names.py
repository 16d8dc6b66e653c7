"""Names of folders that every system takes, and runs that would share one."""

from pathlib import PurePath, PureWindowsPath

import pytest

from tutelage.config import ExperimentConfig
from tutelage.errors import ConfigError
from tutelage.sweeps.folder_names import folder_name, refuse_shared_folders
from tutelage.sweeps.grid import grid_of
from tutelage.sweeps.search_space import SearchPoint, space_of


@pytest.mark.parametrize(
    "text",
    [
        "a:b",
        'x<>"|?*y',
        "C:\\models\\vit",
        "../../up",
        "con",
        "NUL.txt",
        "lpt1",
        "end. ",
        "ü" * 300,
        ":",
    ],
)
def test_a_name_is_a_folder_of_every_system(text):
    name = folder_name(text)
    assert PureWindowsPath(name).parts == PurePath(name).parts == (name,)
    assert name.partition(".")[0].upper() not in {"CON", "NUL", "LPT1"}
    assert name == name.rstrip(". ")
    assert not name.startswith(".")
    assert len(name.encode()) <= 100


def test_usual_names_stay_and_long_ones_stay_different():
    assert folder_name("aft-beta-0.3-with-vit_base.a+b") == "aft-beta-0.3-with-vit_base.a+b"
    assert folder_name("x" * 300 + "a") != folder_name("x" * 300 + "b")


def test_names_that_differ_in_capitals_alone_share_a_folder():
    with pytest.raises(ConfigError, match=r"runs of aft/Vit and of aft/vit would share a folder"):
        refuse_shared_folders([PurePath("aft/Vit"), PurePath("kd/vit"), PurePath("aft/vit")])


def compared(config):
    return grid_of(config, rows=9)


@pytest.mark.parametrize(
    ("plan", "names", "sets"),
    [
        (compared, ("vit", "VIT"), [["vit"], ["VIT"]]),
        (space_of, ("vit", "VIT"), [["vit"], ["VIT"]]),
        (compared, ("a b", "a:b"), [["a b"], ["a:b"]]),
        (compared, ("a", "b", "a+b"), [["a", "b"], ["a+b"]]),
        (space_of, ("a", "b", "a-b"), [["a", "b"], ["a-b"]]),
    ],
)
def test_sets_of_teachers_do_not_share_a_folder(plan, names, sets):
    config = ExperimentConfig.model_validate(
        {
            "data": {"source": "folder:x"},
            "student": {"source": "timm:small"},
            "teachers": [{"source": "timm:x", "name": name} for name in names],
            "compare": {"methods": ["aft"], "teachers": sets},
            "tune": {"beta": [1.0, 1.0], "teachers": sets},
        }
    )
    with pytest.raises(ConfigError, match="would share a folder"):
        plan(config)


def test_a_teacher_named_as_a_path_does_not_lead_out_of_the_search():
    name = SearchPoint("aft", {"beta": 3.0}, ("../../elsewhere", "hf/vit")).name
    assert name == "aft-beta-3-with-..-..-elsewhere-hf-vit"
    assert len(PurePath(name).parts) == 1
