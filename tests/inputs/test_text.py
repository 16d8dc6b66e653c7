"""TextInput: token ids as the tokenizer gives them, padded with tokens that exist."""

import pickle
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertJapaneseTokenizer, PreTrainedTokenizerFast

from tutelage.errors import ConfigError
from tutelage.inputs import TextInput, custom_input

WORDS = ["a", "fine", "film", "dull", "plot", "</s>"]


def words(*special: str, model_max_length: int = 10**30) -> PreTrainedTokenizerFast:
    """A tokenizer that knows few words."""
    names = ["[UNK]", *special, *(word for word in WORDS if word not in special)]
    tokenizer = Tokenizer(models.WordLevel({n: i for i, n in enumerate(names)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    roles = {"[PAD]": "pad_token", "[CLS]": "cls_token", "[SEP]": "sep_token", "</s>": "eos_token"}
    if "[CLS]" in special:
        tokenizer.post_processor = processors.BertProcessing(
            ("[SEP]", names.index("[SEP]")), ("[CLS]", names.index("[CLS]"))
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token="[UNK]",
        model_max_length=model_max_length,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **{roles[name]: name for name in special},
    )


BERT = ("[PAD]", "[CLS]", "[SEP]")


def test_pads_on_the_right_under_the_mask():
    text = TextInput.from_tokenizer(words(*BERT))
    rows = [text.prepare(("a fine film",)), text.prepare(("plot",))]
    assert [text.cost(row) for row in rows] == [5, 3]
    batch = text.finish(text.collate(rows))
    assert batch["input_ids"].tolist() == [[2, 4, 5, 6, 3], [2, 8, 3, 1, 1]]
    assert batch["attention_mask"].tolist() == [[1] * 5, [1, 1, 1, 0, 0]]
    assert batch["token_type_ids"].dtype == torch.int64


def test_two_columns_are_a_pair_and_more_are_joined():
    tokenizer = words(*BERT)
    text = TextInput.from_tokenizer(tokenizer)
    assert text.prepare(("a film", "dull")) == dict(tokenizer("a film", "dull"))
    assert text.prepare(("a", "dull", "plot")) == dict(tokenizer("a", "dull plot"))


def test_takes_only_what_the_model_takes():
    text = TextInput.from_tokenizer(words(*BERT), accepts=("input_ids", "attention_mask"))
    assert set(text.prepare(("a",))) == {"input_ids", "attention_mask"}


def test_length_is_what_tokenizer_and_model_both_allow():
    long = " ".join(["film"] * 700)
    for own, positions, given, expected in [
        (None, None, None, 512),
        (None, 20, None, 20),
        (30, 20, None, 20),
        (10, 20, None, 10),
        (30, 20, 5, 5),
        (4, None, 8, 8),
    ]:
        tokenizer = words(*BERT, model_max_length=own or 10**30)
        text = TextInput.from_tokenizer(tokenizer, positions=positions, max_length=given)
        assert text.cost(text.prepare((long,))) == expected == text.max_length


def test_keeps_the_end_of_a_prompt_where_that_is_read():
    tokenizer = words("</s>")
    begin = TextInput.from_tokenizer(tokenizer, max_length=2)
    end = TextInput.from_tokenizer(tokenizer, max_length=2, keep_end=True)
    assert begin.prepare(("a fine film",))["input_ids"] == [2, 3]
    assert end.prepare(("a fine film",))["input_ids"] == [3, 4]
    assert tokenizer.truncation_side == "right"
    assert begin.identity() != end.identity()


def test_pads_with_the_end_token_where_there_is_no_other():
    text = TextInput.from_tokenizer(words("</s>"), vocabulary=7)
    batch = text.collate([text.prepare(("a fine",)), text.prepare(("",))])
    assert batch["input_ids"].tolist() == [[2, 3], [1, 1]]
    assert batch["attention_mask"].tolist() == [[1, 1], [1, 0]]
    widened = words("</s>")
    widened.add_special_tokens({"pad_token": "[PAD]"})
    text = TextInput.from_tokenizer(widened, vocabulary=7)
    assert text.collate([text.prepare(("a fine",)), text.prepare(("a",))])["input_ids"][1, 1] == 1


def test_names_of_special_tokens_can_be_ordinary_text():
    tokenizer = words("</s>")
    assert TextInput.from_tokenizer(tokenizer).prepare(("a</s>",))["input_ids"] == [2, 1]
    literal = TextInput.from_tokenizer(tokenizer, literal=True)
    assert literal.prepare(("a</s>",))["input_ids"] == [0]


def test_refuses_what_does_not_fit_the_model():
    text = TextInput.from_tokenizer(words(*BERT), vocabulary=6)
    with pytest.raises(ConfigError, match="token 8, but the model has embeddings for 6"):
        text.prepare(("plot",))
    with pytest.raises(ConfigError, match="tells only 20 positions apart"):
        TextInput.from_tokenizer(words(*BERT), positions=20, max_length=21)
    for length in (2, 0):
        with pytest.raises(ConfigError, match=f"max_length = {length} leaves no room for text"):
            TextInput.from_tokenizer(words(*BERT), max_length=length)
    with pytest.raises(ConfigError, match="found no tokenizer"):
        TextInput.from_tokenizer("nowhere/at/all")


def test_identity_covers_what_changes_tokens(tmp_path):
    words(*BERT).save_pretrained(tmp_path / "tokenizer")
    text = TextInput.from_tokenizer(str(tmp_path / "tokenizer"))
    before = text.identity()
    text.prepare(("a fine film",))
    text.tokenizer(["a"], padding="max_length", max_length=7)
    assert text.identity() == before == pickle.loads(pickle.dumps(text)).identity()
    others = [
        TextInput.from_tokenizer(words("</s>", *BERT)),
        TextInput.from_tokenizer(words(*BERT), max_length=9),
        TextInput.from_tokenizer(words(*BERT), literal=True),
        TextInput.from_tokenizer(words(*BERT), accepts=["input_ids"]),
    ]
    assert len({str(one.identity()) for one in [text, *others]}) == 5


def test_identity_covers_the_options_of_a_tokenizer_in_python(tmp_path):
    """Its vocabulary alone does not tell how it writes a text."""
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "film", "Film"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n")
    inputs = []
    for lower in (True, False):
        tokenizer = BertJapaneseTokenizer(
            str(tmp_path / "vocab.txt"), word_tokenizer_type="basic", do_lower_case=lower
        )
        for name in (f"{lower}", f"copy of {lower}"):
            tokenizer.save_pretrained(tmp_path / name)
            inputs.append(TextInput.from_tokenizer(str(tmp_path / name)))
    assert [one.prepare(("Film",))["input_ids"][1] for one in inputs] == [5, 5, 6, 6]
    lowered, same, plain, _ = (one.identity() for one in inputs)
    assert lowered == same != plain


def test_input_of_an_own_model(tmp_path: Path):
    words(*BERT).save_pretrained(tmp_path)
    image = custom_input({"image_size": 32, "mean": None}, modality="image", where="student.input")
    assert image.size == (32, 32)
    text = custom_input(
        {"tokenizer": str(tmp_path), "max_length": 9, "crop": 1.0}, modality="text", where="x"
    )
    assert text.max_length == 9
    with pytest.raises(ConfigError, match=r"student.input is missing: .* image_size"):
        custom_input(None, modality="image", where="student.input")
    with pytest.raises(
        ConfigError, match=r"rows are texts, but student.input is for rows of another modality"
    ):
        custom_input({"image_size": 32}, modality="text", where="student.input")
