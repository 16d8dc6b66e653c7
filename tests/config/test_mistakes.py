"""One message names all mistakes of a config, each with its path."""

from typing import Annotated

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from tutelage.config.mistakes import all_mistakes


class Strict(BaseModel):
    """Refuses unknown keys."""

    model_config = ConfigDict(extra="forbid")


class Engine(Strict):
    """A section."""

    power: Annotated[int, Field(gt=0)] = 1
    fuel: str = "petrol"

    @model_validator(mode="after")
    def _possible(self) -> "Engine":
        if self.fuel == "water":
            raise ValueError("fuel cannot be water")
        return self


class Car(Strict):
    """A schema with a section, one that may be missing, and a list of sections."""

    name: str
    engine: Engine = Engine()
    spare: Engine | None = None
    trailers: tuple[Engine, ...] = ()
    notes: Annotated[dict[str, int] | None, "free"] = None


def said(given: dict[str, object]) -> list[str]:
    with pytest.raises(ValidationError) as raised:
        Car.model_validate(given)
    return all_mistakes(raised.value, Car).splitlines()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"nane": 1}, "unknown setting nane; did you mean 'name'?"),
        (
            {"zzz": 1},
            "unknown setting zzz (there are: name, engine, spare, trailers, notes)",
        ),
        ({"engine": {"powr": 1}}, "unknown setting engine.powr; did you mean 'power'?"),
        ({"spare": {"feul": 1}}, "unknown setting spare.feul; did you mean 'fuel'?"),
        ({"trailers": [{}, {"fule": 1}]}, "unknown setting trailers.1.fule; did you mean 'fuel'?"),
        ({"engine": {"zzz": 1}}, "unknown setting engine.zzz (there are: power, fuel)"),
        ({"engine": {"power": -1}}, "engine.power = -1: input should be greater than 0"),
        ({"engine": {"fuel": "water"}}, "engine: fuel cannot be water"),
        (
            {"notes": {"a": "b"}},
            "notes.a = 'b': input should be a valid integer, unable to parse string as an integer",
        ),
    ],
)
def test_each_mistake_has_a_path_and_a_remedy(given, line):
    assert said({"name": "x"} | given) == [line]


def test_all_mistakes_are_named_at_once():
    assert said({"engine": {"power": 0, "powr": 1}, "nmae": "x"}) == [
        "setting name is missing",
        "engine.power = 0: input should be greater than 0",
        "unknown setting engine.powr; did you mean 'power'?",
        "unknown setting nmae; did you mean 'name'?",
    ]


def test_equal_lines_are_written_once():
    class Either(Strict):
        value: Annotated[int, Field(gt=3)] | Annotated[int, Field(gt=3)]

    with pytest.raises(ValidationError) as raised:
        Either.model_validate({"value": 1, "other": 2})
    lines = all_mistakes(raised.value, Either).splitlines()
    assert len(lines) == len(set(lines))
