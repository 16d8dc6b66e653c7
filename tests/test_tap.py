"""FeatureTap: which layer it finds, and what it reads there."""

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tutelage import FeatureTap
from tutelage.errors import StudentError
from tutelage.tap import last_token


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("resnet18", "fc"),
        ("vit_tiny_patch16_224", "head"),
        ("convnext_atto", "head.fc"),
        ("mixer_s32_224", "head"),
    ],
)
def test_finds_a_timm_classifier_and_reads_what_it_sees(name, path):
    torch.manual_seed(0)
    size = {} if name == "resnet18" or name.startswith("convnext") else {"img_size": 224}
    model = timm.create_model(name, num_classes=3, drop_rate=0.0, **size).eval()
    tap = FeatureTap(model)
    images = torch.randn(2, 3, 224 if size else 64, 224 if size else 64)
    with torch.no_grad():
        outputs = model(images)
        features = tap.take()
        expected = model.forward_head(model.forward_features(images), pre_logits=True)
    assert tap.path == path
    assert features.shape == (2, tap.width)
    torch.testing.assert_close(features, expected)
    torch.testing.assert_close(outputs, model.get_submodule(path)(features), rtol=1e-4, atol=1e-5)


def test_reads_in_front_of_dropout():
    model = timm.create_model(
        "vit_tiny_patch16_224", num_classes=3, img_size=32, drop_rate=0.5
    ).train()
    images = torch.randn(2, 3, 32, 32)
    tap = FeatureTap(model)
    model(images)
    features = tap.take()
    assert (features == 0).sum() == 0
    with torch.no_grad():
        plain = model.eval().fc_norm(model.pool(model.forward_features(images)))
    torch.testing.assert_close(features, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("inplace", [False, True])
def test_reads_in_front_of_dropout_of_own_models(inplace):
    model = nn.Sequential(
        nn.Linear(4, 64), nn.Sigmoid(), nn.Dropout(0.5, inplace=inplace), nn.Linear(64, 2)
    )
    tap = FeatureTap(model)
    inputs = torch.randn(3, 4)
    model(inputs)
    torch.testing.assert_close(tap.take(), torch.sigmoid(model[0](inputs)))


def test_a_dropout_elsewhere_changes_nothing():
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Tanh(), nn.Linear(8, 2))
    tap = FeatureTap(model)
    torch.manual_seed(3)
    model(torch.ones(2, 4))
    torch.manual_seed(3)
    expected = torch.tanh(F.dropout(model[0](torch.ones(2, 4)), 0.5))
    torch.testing.assert_close(tap.take(), expected)


def test_gradients_flow_and_features_are_given_once():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    tap = FeatureTap(model, "1")
    model(torch.ones(2, 4))
    tap.take().sum().backward()
    assert model[0].weight.grad is not None
    with pytest.raises(StudentError, match="has not run since"):
        tap.take()
    tap.close()
    model(torch.ones(2, 4))
    with pytest.raises(StudentError, match="has not run since"):
        tap.take()


def test_model_is_saved_without_the_tap():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    before = list(model.state_dict())
    with FeatureTap(model):
        assert list(model.state_dict()) == before


class Decoder(nn.Module):
    """A head over every token, as decoders of transformers have it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(9, 6)
        self.score = nn.Linear(6, 2, bias=False)

    def forward(self, ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        return self.score(self.embed(ids))


@pytest.mark.parametrize("side", ["left", "right"])
def test_takes_the_last_token_that_is_not_padding(side):
    model = Decoder()
    tap = FeatureTap(model, "score", pool="last")
    ids = torch.tensor([[1, 2, 3], [4, 5, 0]] if side == "right" else [[1, 2, 3], [0, 4, 5]])
    model(ids, attention_mask=(ids > 0).long())
    torch.testing.assert_close(tap.take(), model.embed(torch.tensor([3, 5])))
    states = torch.arange(6.0).reshape(1, 3, 2)
    torch.testing.assert_close(last_token(states, None), states[:, 2])
    model(ids)
    with pytest.raises(StudentError, match=r"shape \(2, 3, 6\)"):
        FeatureTapOn(model).take()


def FeatureTapOn(model: nn.Module) -> FeatureTap:  # noqa: N802
    tap = FeatureTap(model, "score")
    model(torch.ones(2, 3, dtype=torch.long))
    return tap


def test_features_without_gradients_are_refused_where_gradients_are_enabled():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    tap = FeatureTap(model)
    with torch.no_grad():
        model(torch.ones(2, 4))
    with pytest.raises(StudentError, match=r"last ran under torch.no_grad\(\)"):
        tap.take()
    with torch.no_grad():
        model(torch.ones(2, 4))
        assert tap.take().shape == (2, 8)
    with torch.no_grad():
        model.eval()(torch.ones(2, 4))
    assert tap.take().shape == (2, 8)
    model.train().requires_grad_(False)  # a frozen model ran with gradients enabled
    model(torch.ones(2, 4))
    assert not tap.take().requires_grad


def test_a_whole_model_under_reentrant_checkpointing_is_refused():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    tap, inputs = FeatureTap(model), torch.ones(2, 4, requires_grad=True)
    checkpoint(model, inputs, use_reentrant=True)
    with pytest.raises(StudentError, match="use_reentrant=False"):
        tap.take()
    checkpoint(model, inputs, use_reentrant=False)
    assert tap.take().requires_grad


def test_a_tap_on_a_compiled_model_is_told_to_come_first():
    compiled = torch.compile(nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2)))
    with pytest.raises(StudentError, match=r"create the FeatureTap before torch\.compile"):
        FeatureTap(compiled).take()


def test_repr_names_model_layer_and_width():
    assert (
        repr(FeatureTap(nn.Sequential(nn.Linear(4, 2)))) == "FeatureTap(Sequential, '0', width=4)"
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureTap(nn.Sequential(nn.Conv1d(2, 2, 1))), "has no linear layer"),
        (lambda: FeatureTap(nn.Sequential(nn.Linear(2, 2)), "fc"), "the last linear layers are 0"),
        (lambda: FeatureTap(timm.create_model("resnet18"), "fcc"), "did you mean 'fc'"),
    ],
)
def test_wrong_use_is_named(make, message):
    with pytest.raises(StudentError, match=message):
        make()
