"""The state of the last token, and the mask wherever a model is given it."""

import pytest
import torch
from torch import Tensor, nn

from tutelage import FeatureTap
from tutelage.tap import last_token
from tutelage.tap.last_token import mask_argument


class Decoder(nn.Module):
    """A head over every token, as decoders of transformers have it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.score = nn.Linear(6, 2, bias=False)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        return self.score(self.embed(ids))


class Wrapper(nn.Module):
    """Hands on what it is given, as ``DistributedDataParallel`` and peft do."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *args, **kwargs) -> Tensor:
        return self.module(*args, **kwargs)


@pytest.mark.parametrize("wrap", [lambda model: model, Wrapper])
def test_a_mask_is_read_by_name_and_by_place(wrap):
    decoder = Decoder()
    model = wrap(decoder)
    tap = FeatureTap(model, pool="last")
    ids = torch.tensor([[1, 2, 3], [4, 5, 0]])
    mask = (ids > 0).long()
    for args, kwargs in (((ids,), {"attention_mask": mask}), ((ids, mask), {})):
        model(*args, **kwargs)
        torch.testing.assert_close(tap.take(), decoder.embed(torch.tensor([3, 5])))
    model(ids)  # no mask, so no padding
    torch.testing.assert_close(tap.take(), decoder.embed(torch.tensor([3, 0])))


def test_a_model_without_a_mask_has_no_place_for_it():
    model = nn.Sequential(nn.Linear(2, 2))
    assert mask_argument(model) == (model, None)


def test_the_last_of_all_tokens_without_a_mask():
    states = torch.arange(6.0).reshape(1, 3, 2)
    torch.testing.assert_close(last_token(states, None), states[:, 2])
