"""States of learned columns are loaded for the teachers that they belong to."""

import io

import pytest
import torch
from safetensors.torch import load, save

from tutelage import AFTLoss, Standardized
from tutelage.regularizers import KD


def scored(teachers: dict[str, int]) -> AFTLoss:
    loss = AFTLoss(3, teachers)
    torch.nn.init.normal_(loss.weights.scores)
    return loss


def through_a_file(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("given", [{"dino": 2, "clip": 2}, {"a": 3, "b": 1}])
def test_a_state_of_other_columns_is_refused(given):
    state = through_a_file(scored({"clip": 2, "dino": 2}).state_dict())
    with pytest.raises(RuntimeError, match=r"of teachers \{'clip': 2, 'dino': 2\}, in this order"):
        AFTLoss(3, given).load_state_dict(state)
    model = torch.nn.ModuleDict({"transfer": scored({"clip": 2, "dino": 2})})
    with pytest.raises(RuntimeError, match="in this order"):
        torch.nn.ModuleDict({"transfer": AFTLoss(3, given)}).load_state_dict(model.state_dict())


def test_teachers_of_other_names_in_the_same_place_are_the_same_columns():
    kept, fresh = scored({"clip": 2, "dino": 3}), AFTLoss(3, [2, 3])
    fresh.load_state_dict(through_a_file(kept.state_dict()))
    assert torch.equal(fresh.weights.scores, kept.weights.scores)


def test_states_without_the_note_are_loaded():
    kept, fresh = scored({"clip": 2, "dino": 3}), AFTLoss(3, {"clip": 2, "dino": 3})
    fresh.load_state_dict(load(save(kept.state_dict())))
    assert torch.equal(fresh.weights.scores, kept.weights.scores)


def test_methods_around_a_method_note_their_teachers_too():
    zeros, ones = ({n: fill(2) for n in ("a", "b")} for fill in (torch.zeros, torch.ones))
    state = Standardized(KD(3, {"a": 2, "b": 2}), zeros, std=ones).state_dict()
    turned = Standardized(KD(3, {"b": 2, "a": 2}), zeros, std=ones)
    with pytest.raises(RuntimeError, match=r"Standardized is of \{'b': 2, 'a': 2\}"):
        turned.load_state_dict(state)
