"""Pooling of token states, against loops in plain floats, and the settings of sentence models."""

import json
from types import SimpleNamespace

import pytest
import torch

from tutelage.backbones.pooling import masked_mean, pool, sentence_model
from tutelage.errors import SourceError

STATES = torch.randn(3, 4, 2, generator=torch.Generator().manual_seed(0))
MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1]])


def output(states=STATES, pooler=None):
    return SimpleNamespace(last_hidden_state=states, pooler_output=pooler)


def test_the_mean_is_over_tokens_that_are_not_padding():
    means = masked_mean(STATES, MASK)
    for row in range(3):
        for column in range(2):
            kept = [STATES[row, t, column].item() for t in range(4) if MASK[row, t]]
            assert means[row, column].item() == pytest.approx(sum(kept) / len(kept), rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_the_mean_of_half_precision_is_that_of_its_numbers(dtype):
    states = torch.full((1, 601, 2), 200.0).to(dtype)  # their sum is beyond float16
    states[0, ::3] = 203
    mask = torch.ones(1, 601, dtype=torch.int64)
    mean = masked_mean(states, mask)
    assert mean.dtype == dtype
    assert torch.equal(mean, states.double().mean(dim=1).to(dtype))


def test_each_pooling():
    assert torch.equal(pool(output(), MASK, how="cls"), STATES[:, 0])
    assert torch.equal(pool(output(), MASK, how="last"), STATES[[0, 1, 2], [3, 1, 3]])
    assert torch.equal(pool(output(), MASK, how="mean"), masked_mean(STATES, MASK))
    assert torch.equal(pool(output(pooler=STATES), MASK, how="pooler"), STATES.flatten(1))
    image = torch.arange(12.0).reshape(1, 3, 2, 2)
    assert pool(output(image), None, how="mean").tolist() == [[1.5, 5.5, 9.5]]


def test_a_pooling_that_the_model_lacks():
    with pytest.raises(SourceError, match="has no pooler"):
        pool(output(), MASK, how="pooler")
    with pytest.raises(SourceError, match="choose 'mean'"):
        pool(output(torch.zeros(1, 3, 2, 2)), None, how="cls")


def test_a_sentence_model_states_its_pooling(tmp_path):
    assert sentence_model(str(tmp_path)) is None
    modules = [{"type": "a.b.Transformer", "path": "0"}, {"type": "a.b.Pooling", "path": "1"}]
    (tmp_path / "modules.json").write_text(json.dumps(modules))
    for folder, name, content in (
        ("0", "sentence_bert_config.json", {"max_seq_length": 128}),
        ("1", "config.json", {"pooling_mode_cls_token": True}),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(json.dumps(content))
    model = sentence_model(str(tmp_path))
    assert (model.pooling, model.max_length, model.subfolder) == ("cls", 128, "0")
    (tmp_path / "1" / "config.json").write_text(json.dumps({"pooling_mode_max_tokens": True}))
    with pytest.raises(SourceError, match="pools in a way that is not supported"):
        sentence_model(str(tmp_path))
