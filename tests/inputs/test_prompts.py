"""Prompts that are too long: literals and ends stay, the longest fields are cut, nothing is lost else."""

import random
import warnings

import pytest
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import ByT5Tokenizer, PreTrainedTokenizerFast

from tutelage.errors import ConfigError
from tutelage.inputs import Cuts, Prompt, TextInput
from tutelage.inputs.shorten import characters, shared, shortened

CORPUS = [
    "the premise says that a fine film is dull, but the hypothesis does not: does it follow?",
    "Question: how long may a reference be before it is cut? Answer: 512 tokens, no more.",
    "unbelievable acting; overacting, really. Sentence 1 and Sentence 2 are equivalent!",
] * 3
WORDS = [
    *" ".join(CORPUS).split()[:40],
    "naïve",
    "Straße",
    "日本語",
    "🙂🙃",
    "ﬁne",
    "x\u0301",
    "\t",
    "a" * 30,
]
LITERALS = ("Question: ", "\n Reference: ", "\n Does the sentence answer the question? Answer:")


def wrap(tokenizer: Tokenizer, **special: str) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special)


def word_pieces() -> PreTrainedTokenizerFast:
    """As BERT's: lower case, accents stripped, [CLS] and [SEP] around."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.WordPieceTrainer(vocab_size=160, special_tokens=special, show_progress=False),
    )
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return wrap(tokenizer, pad_token="[PAD]", unk_token="[UNK]")


def byte_pairs() -> PreTrainedTokenizerFast:
    """As GPT-2's: bytes, no special tokens around, no padding token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=["<|end|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return wrap(tokenizer, eos_token="<|end|>")


def unigrams() -> PreTrainedTokenizerFast:
    """As T5's: compatibility characters unified, spaces as marks, an end token behind."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Replace("\n", " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.train_from_iterator(
        CORPUS,
        trainers.UnigramTrainer(
            vocab_size=120,
            special_tokens=["<pad>", "</s>", "<unk>"],
            unk_token="<unk>",
            show_progress=False,
        ),
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    return wrap(tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")


TOKENIZERS = {
    "WordPiece": word_pieces,
    "BPE": byte_pairs,
    "Unigram": unigrams,
    "bytes, in Python": ByT5Tokenizer,  # does not say where its tokens stand
}


@pytest.fixture(scope="module", params=TOKENIZERS)
def tokenizer(request) -> PreTrainedTokenizerFast:
    return TOKENIZERS[request.param]()


def count(tokenizer: PreTrainedTokenizerFast, text: str) -> int:
    return len(tokenizer(text, add_special_tokens=False)["input_ids"])


def field(draw: random.Random) -> str:
    return " ".join(draw.choices(WORDS, k=draw.choice([0, 1, 3, 10, 40])))


def test_any_prompt(tokenizer):
    """Whatever the lengths: the tokens are those of a prompt whose fields alone were cut, as asked."""
    draw = random.Random(0)
    special = tokenizer.num_special_tokens_to_add(pair=False)
    bare = count(tokenizer, "".join(LITERALS))
    cut_rows = 0
    for _ in range(30):
        prompt = Prompt(LITERALS, (field(draw), field(draw)))
        limit = bare + special + draw.randint(8, 60)
        text = TextInput.from_tokenizer(tokenizer, max_length=limit)
        prepared = text.prepare(prompt)
        ids = prepared["input_ids"]
        whole = tokenizer(prompt.text)["input_ids"]
        assert len(ids) <= limit
        if len(whole) <= limit:
            assert ids == whole
            assert prepared.cut_to is None
            continue
        cut_rows += 1
        assert prepared.cut_to == limit
        kept = text._shortened(prompt)
        assert ids == tokenizer(kept.text)["input_ids"]
        assert kept.literals == LITERALS
        assert all(a.startswith(b) for a, b in zip(prompt.fields, kept.fields, strict=True))
        # What the tokens say ends with the question; only what was cut is missing.
        end = tokenizer(LITERALS[-1].strip(), add_special_tokens=False)["input_ids"][2:]
        inside = ids[: len(ids) - (special + 1) // 2] if special else ids
        assert inside[-len(end) :] == end
        # No field gave way to one that is longer by more than what joins at a cut.
        before = [count(tokenizer, one) for one in prompt.fields]
        after = [count(tokenizer, one) for one in kept.fields]
        for i, j in ((0, 1), (1, 0)):
            if kept.fields[i] != prompt.fields[i]:
                assert after[j] <= after[i] + 4, (before, after)
        assert len(ids) > limit - 5, "more was cut than needed"
    assert cut_rows > 10


def test_fields_are_cut_at_a_tokens_end():
    tokenizer = byte_pairs()
    text = TextInput.from_tokenizer(tokenizer, max_length=40)
    kept = text._shortened(Prompt(LITERALS, ("a fine film", "🙂" * 30)))
    assert kept.fields[0] == "a fine film"
    assert set(kept.fields[1]) == {"🙂"}


def test_the_longest_gives_way_until_it_is_as_short_as_the_second():
    def one_by_one(lengths: list[int], budget: int) -> list[int]:
        lengths = list(lengths)
        while sum(lengths) > budget:
            longest = max(i for i, n in enumerate(lengths) if n == max(lengths))
            lengths[longest] -= 1
        return lengths

    draw = random.Random(1)
    for _ in range(300):
        lengths = [draw.randint(0, 9) for _ in range(draw.randint(1, 4))]
        budget = draw.randint(0, sum(lengths))
        assert shared(lengths, budget) == one_by_one(lengths, budget)


def test_a_tokenizer_that_does_not_say_where_its_tokens_stand():
    def threes(text: str) -> int:
        return -(-len(text) // 3)

    prompt = Prompt(("A: ", " B: ", " so?"), ("x" * 90, "y" * 12))
    kept = shortened(prompt, room=20, count=threes, spans=characters)
    assert kept.fields == ("x" * 37, "y" * 12)
    assert threes(kept.text) == 20


def test_a_template_that_is_too_long_alone(tokenizer):
    text = TextInput.from_tokenizer(tokenizer, max_length=6)
    with pytest.raises(
        ConfigError, match=r"data.template alone takes \d+ tokens, and max_length has"
    ):
        text.prepare(Prompt(LITERALS, ("a", "b")))


def test_a_prompt_keeps_its_question_where_the_end_is_read(tokenizer):
    limit = count(tokenizer, "".join(LITERALS)) + 20
    both = [
        TextInput.from_tokenizer(tokenizer, max_length=limit, keep_end=keep_end).prepare(
            Prompt(LITERALS, ("why", "so it is " * 90))
        )
        for keep_end in (False, True)
    ]
    assert both[0] == both[1]
    assert both[0].cut_to == limit


@pytest.mark.parametrize("keep_end", [False, True])
def test_rows_without_a_template_are_counted_too(tokenizer, keep_end):
    text = TextInput.from_tokenizer(tokenizer, max_length=12, keep_end=keep_end)
    long = "a fine film that is dull " * 3
    for row, cut in [
        (("a",), False),
        ((long,), True),
        (("a", "b"), False),
        ((long, "b"), True),
        (("a", long), True),
        ((long, long, long), True),
    ]:
        prepared = text.prepare(row)
        pair = row if len(row) < 3 else (row[0], " ".join(row[1:]))
        assert (prepared.cut_to == 12) is cut, row
        tokenizer.truncation_side = "left" if keep_end else "right"
        expected = tokenizer(*pair, truncation=True, max_length=12)
        tokenizer.truncation_side = "right"
        assert prepared["input_ids"] == expected["input_ids"]
    exact = tokenizer.decode(tokenizer(long, add_special_tokens=False)["input_ids"][:9])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fits = text.prepare((exact,))
    assert (fits.cut_to is None) == (len(tokenizer(exact)["input_ids"]) <= 12)


def test_cuts_in_words():
    assert Cuts(4000, 492, 512).words("train") == (
        "12.3 % of 4,000 train rows were cut to 512 tokens (max_length)"
    )
    assert "less than 0.1 % of 4,000" in Cuts(4000, 1, 512).words("train")
    assert Cuts(2, 1, 8) + Cuts(3, 0, 0) == Cuts(5, 1, 8)
