"""Sections of the config: frozen, strict, and able to say which settings decide numbers."""

from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from pydantic import Field, ValidationError

from tutelage.config.section import FolderPath, NoEffect, Positive, Section, Share


class Part(Section):
    size: Positive = 1
    label: Annotated[str, NoEffect] = ""


class Whole(Section):
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    either: Part | None = None
    folder: Annotated[FolderPath | None, NoEffect] = None
    share: Share = 0.5


def test_settings_without_effect_are_left_out_at_every_depth():
    table = Whole(
        part=Part(size=2, label="a"), parts=(Part(label="b"),), either=Part(label="c"), share=0.1
    ).model_dump(mode="json")
    assert Whole.deciding(table) == {
        "part": {"size": 2},
        "parts": [{"size": 1}],
        "either": {"size": 1},
        "share": 0.1,
    }


def test_settings_that_the_schema_does_not_know_stay():
    assert Whole.deciding({"old": 3, "part": {"size": 1, "older": 2}}) == {
        "old": 3,
        "part": {"size": 1, "older": 2},
    }


@pytest.mark.parametrize("table", [{"sise": 2}, {"size": 0}, {"size": "many"}])
def test_what_does_not_fit_is_refused(table):
    with pytest.raises(ValidationError):
        Part.model_validate(table)


class Numbers(Section):
    steps: Positive | Literal["auto"] = "auto"
    rates: tuple[Annotated[float, Field(gt=0)], ...] = ()
    weights: Literal["balanced"] | dict[str, float] | None = None
    share: Share | None = None
    kept: bool | Literal["auto"] = "auto"
    folds: int | bool = 0
    params: dict[str, Any] = Field(default_factory=dict)


@pytest.mark.parametrize(
    "table",
    [
        {"steps": True},
        {"rates": (0.1, True)},
        {"weights": {"a": False}},
        {"share": True},
        {"share": np.True_},
    ],
)
def test_truth_values_are_no_numbers(table):
    with pytest.raises(ValidationError, match="Input should be a number, not true or false"):
        Numbers.model_validate(table)


def test_truth_values_stay_what_they_are_where_they_belong():
    table = {"kept": True, "folds": False, "params": {"flag": True}}
    with pytest.raises(ValidationError, match="'balanced'"):
        Numbers.model_validate({"weights": True})
    given = Numbers.model_validate(table).model_dump(include=set(table))
    assert given == table
    assert Numbers.model_validate({"steps": 3, "rates": [1, 0.5], "weights": {"a": 2}}).steps == 3


def test_a_section_cannot_be_changed():
    part = Part()
    with pytest.raises(ValidationError, match="frozen"):
        part.size = 3


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_a_share_is_neither_nothing_nor_all(share):
    with pytest.raises(ValidationError):
        Whole(share=share)


def test_a_folder_may_be_below_the_users(monkeypatch):
    monkeypatch.setenv("HOME", "/home/somebody")
    assert Whole(folder="~/x").folder == Path("/home/somebody/x")
    assert Whole(folder="x").folder == Path("x")
