"""Views of rows: what they show, what decides them, and what tells their cache keys apart."""

import json
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from tutelage.cache.key import rows_digest
from tutelage.config import DataConfig
from tutelage.data import open_data, read_data, view_of
from tutelage.data.views import refuse_equal_views
from tutelage.errors import DataError
from tutelage.inputs import Prompt


@pytest.fixture
def pictures(tmp_path):
    """40 pictures of 30 x 20 pixels, of which each is another: the red is the column, the green the row."""
    across, down = np.meshgrid(np.arange(30), np.arange(20))
    for number in range(40):
        folder = tmp_path / "pictures" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.stack([across, down, np.full_like(across, number)], axis=2).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:02}.png")
    return read_data(DataConfig(source=f"folder:{tmp_path / 'pictures'}")).splits["train"]


def texts(tmp_path, *lengths: int, **options: object):
    """Texts of so many different words."""
    rows = [
        {"text": " ".join(f"w{n}x{word}" for word in range(length)), "label": "ab"[n % 2]}
        for n, length in enumerate(lengths)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return read_data(DataConfig(source=f"table:{path}", **options)).splits["train"]


def test_a_picture_becomes_a_square_of_its_own_pixels(pictures):
    mirrored: Counter[bool] = Counter()
    sides, corners = [], set()
    for number, image in enumerate(view_of(pictures, 1, seed=0).rows):
        pixels = np.asarray(image)
        side = image.width
        assert image.size == (side, side)
        assert (side + 0.5) ** 2 >= 0.25 * 600
        red = pixels[0, :, 0].astype(int)
        step = 1 if red[1] > red[0] else -1
        mirrored[step < 0] += 1
        assert (np.diff(pixels[:, :, 0].astype(int), axis=1) == step).all()
        assert (np.diff(pixels[:, :, 1].astype(int), axis=0) == 1).all()
        assert (pixels[:, :, 2] == np.asarray(pictures.rows[number])[0, 0, 2]).all()
        sides.append(side)
        corners.add((int(red.min()), int(pixels[0, 0, 1])))
        if number == len(pictures) - 1:
            break
    assert max(sides) == 20, "no crop is larger than the shorter side"
    assert len(set(sides)) > 5
    assert len(corners) > 15
    assert 10 < mirrored[True] < 30


def test_a_text_becomes_half_of_its_words_but_no_fewer_than_32(tmp_path):
    split = texts(tmp_path, 5, 32, 33, 50, 400)
    seen = {number: set() for number in range(5)}
    for view in range(1, 30):
        rows = view_of(split, view, seed=3).rows
        for number, length in enumerate((5, 32, 32, 32, 200)):
            words = rows[number][0].split()
            assert len(words) == length
            first = int(words[0].split("x")[1])
            assert words == [f"w{number}x{first + place}" for place in range(length)]
            seen[number].add(first)
    assert seen[0] == seen[1] == {0}
    assert seen[2] == {0, 1}
    assert seen[3] <= set(range(19))
    assert len(seen[4]) > 20


def test_windows_of_chinese_count_characters(tmp_path):
    path = tmp_path / "rows.jsonl"
    line = {"text": "学而时习之不亦说乎" * 20, "label": "a"}
    path.write_text(json.dumps(line) + "\n" + json.dumps({"text": "b", "label": "b"}) + "\n")
    split = read_data(DataConfig(source=f"table:{path}")).splits["train"]
    assert len(view_of(split, 1, seed=0).rows[0][0]) == 90


def test_fields_of_a_prompt_are_cut_and_its_literals_stay(tmp_path):
    split = texts(tmp_path, 100, 4, template="Text: {text}\nTopic:")
    row = view_of(split, 1, seed=0).rows[0]
    assert isinstance(row, Prompt)
    assert row.literals == ("Text: ", "\nTopic:")
    assert len(row.fields[0].split()) == 50


def test_columns_of_a_row_have_windows_of_their_own(tmp_path):
    long = " ".join(map(str, range(500)))
    rows = [{"one": long, "two": long, "label": label} for label in "ab"]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    split = read_data(DataConfig(source=f"table:{path}", text=("one", "two"))).splits["train"]
    one, two = view_of(split, 1, seed=0).rows[0]
    assert len(one.split()) == len(two.split()) == 250
    assert one != two


def test_of_images_with_texts_both_sides_change(tmp_path):
    Image.effect_noise((40, 40), 90).save(tmp_path / "0.png")
    long = " ".join(map(str, range(100)))
    rows = [{"image": "0.png", "text": long, "label": label} for label in "ab"]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    read = read_data(DataConfig(source=f"table:{path}", image="image", text="text"))
    split = read.splits["train"]
    both, images, words = (
        view_of(one, 2, seed=0) for one in (split, split.side("image"), split.side("text"))
    )
    assert both.rows.modality == "image+text"
    assert both.side("image").rows[1].tobytes() == images.rows[1].tobytes()
    assert both.side("text").rows[1] == words.rows[1] == (both.rows[1].text)
    assert rows_digest(both.side("image")) == rows_digest(images)
    assert rows_digest(both.side("text")) == rows_digest(words)


def test_texts_that_are_all_short_stay_the_same_rows(tmp_path):
    Image.effect_noise((40, 40), 90).save(tmp_path / "0.png")

    def views(*lengths):
        rows = [
            {"image": "0.png", "text": " ".join(["word"] * length), "label": label}
            for length, label in zip(lengths, "ab", strict=True)
        ]
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = DataConfig(source=f"table:{path}", image="image", text="text")
        split = read_data(config).splits["train"]
        return split, view_of(split, 1, seed=0)

    short, view = views(32, 5)
    assert view.side("text").rows is short.side("text").rows
    assert view.side("image").rows is not short.side("image").rows
    long, view = views(33, 5)
    assert view.side("text").rows is not long.side("text").rows
    assert [len(view.side("text").rows[n][0].split()) for n in (0, 1)] == [32, 5]


def test_a_view_is_decided_by_id_seed_and_number_alone(pictures):
    def shown(split, view=1, seed=0):
        return {name: split_rows.tobytes() for name, split_rows in _rows(split, view, seed)}

    def _rows(split, view, seed):
        made = view_of(split, view, seed=seed)
        return [(name, made.rows[n]) for n, name in enumerate(made.ids)]

    first = shown(pictures)
    assert shown(pictures) == first
    fewer = shown(pictures.select([7, 3, 21]))
    assert fewer == {name: first[name] for name in fewer}
    chosen = view_of(pictures, 1, seed=0).select([7, 3, 21])
    assert [image.tobytes() for image in map(chosen.rows.__getitem__, range(3))] == [
        *fewer.values()
    ]
    for other in (shown(pictures, view=2), shown(pictures, seed=1)):
        assert sum(other[name] != first[name] for name in first) > 35


def test_keys_differ_by_view_and_seed_and_those_of_rows_stay(pictures):
    before = rows_digest(pictures)
    digests = {
        rows_digest(view_of(pictures, view, seed=seed)) for view in (1, 2) for seed in (0, 1)
    }
    assert len(digests) == 4
    assert before not in digests
    assert rows_digest(pictures.select(range(len(pictures)))) == before
    assert view_of(pictures, 2, seed=0).name == "train, view 2"


def test_labels_and_ids_go_with_a_view(pictures):
    view = view_of(pictures, 1, seed=0)
    assert view.ids == pictures.ids
    assert view.labels.equal(pictures.labels)


def test_texts_that_are_all_short_are_refused(tmp_path):
    with pytest.raises(
        DataError, match=r"no text of the train rows has more than 32 words.*data\.views"
    ):
        refuse_equal_views(texts(tmp_path, 5, 32))
    refuse_equal_views(texts(tmp_path, 5, 33))


def test_pictures_have_views_of_any_size(tmp_path):
    for number, size in enumerate([(1, 1), (1, 90), (2, 3)]):
        folder = tmp_path / "tiny" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, "white").save(folder / f"{number}.png")
    split = read_data(DataConfig(source=f"folder:{tmp_path / 'tiny'}")).splits["train"]
    refuse_equal_views(split)
    for view in range(1, 20):
        rows = view_of(split, view, seed=0).rows
        sizes = [rows[number].size for number in range(len(rows))]
        assert all(width == height >= 1 for width, height in sizes)


def test_evaluated_rows_are_read_as_they_are(pictures, tmp_path):
    config = DataConfig(source=f"folder:{tmp_path / 'pictures'}", views=2)
    plain = open_data(config.model_copy(update={"views": 0}))[1]
    assert rows_digest(open_data(config)[1].evaluated) == rows_digest(plain.evaluated)
