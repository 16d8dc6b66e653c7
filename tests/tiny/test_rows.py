"""Generated rows have the columns and classes of the recipes' data, and something to learn."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from datasets import ClassLabel, Image, Value

from tutelage.config import DataConfig
from tutelage.data import open_data
from tutelage.errors import ConfigError
from tutelage.recipes import recipe, recipes
from tutelage.tiny.columns import KNOWN, columns_of
from tutelage.tiny.rows import picture, sentence, stand_in


@pytest.mark.parametrize("name", sorted(recipes()))
def test_every_recipe_reads_its_stand_in(name):
    """With the recipe's own columns, template and names of splits."""
    settings = recipe(name)["data"]
    source = settings["source"]
    table = settings | {
        "source": "python:tutelage.tiny.rows:stand_in",
        "params": {"of": source, "rows": 20},
    }
    data, splits = open_data(DataConfig.model_validate(table))
    classes = len(columns_of(source).classes) or 2
    assert len(data.classes) == classes
    assert len(splits.training) == max(20, 2 * classes)
    assert len(splits.evaluated) == max(10, classes)
    kind = {(True, False): "image", (False, True): "text", (True, True): "image+text"}
    known = columns_of(source)
    assert data.modality == kind[bool(known.images), bool(known.texts)]


def test_kinds_of_labels():
    assert stand_in("hub:google/boolq", 4)["train"].features["answer"] == Value("bool")
    cifar = stand_in("hub:uoft-cs/cifar100", 4)["train"].features
    assert isinstance(cifar["img"], Image)
    assert isinstance(cifar["fine_label"], ClassLabel)
    assert cifar["coarse_label"].num_classes == 20


def test_rows_are_the_same_each_time():
    first = stand_in("hub:nyu-mll/glue/rte", 6)
    stand_in.cache_clear()
    assert stand_in("hub:nyu-mll/glue/rte", 6)["train"][:] == first["train"][:]


def test_nearest_class_means_learn_the_pictures():
    draw = np.random.default_rng(0)
    rows = [(label, picture(label, draw).astype(float)) for label in [*range(10)] * 4]
    means = [
        np.mean([pixels for at, pixels in rows[:20] if at == label], axis=0) for label in range(10)
    ]
    guessed = [
        int(np.argmin([((pixels - m) ** 2).sum() for m in means])) for _, pixels in rows[20:]
    ]
    assert guessed == [label for label, _ in rows[20:]]


def test_words_tell_classes():
    """The four most frequent words of a class are few of those of another."""
    draw = np.random.default_rng(0)
    frequent = [
        {
            word
            for word, _ in Counter(
                word for _ in range(60) for word in sentence(label, draw).split()
            ).most_common(4)
        }
        for label in (0, 1, 2)
    ]
    assert all(len(a & b) < 2 for a, b in combinations(frequent, 2))


def test_unknown_data_are_refused_with_advice():
    with pytest.raises(ConfigError, match="no stand-in for the data 'hub:mine'"):
        columns_of("hub:mine")
    assert all(source.startswith(("hub:", "table:")) for source in KNOWN)
