"""FeatureTap: which layer it finds, and what it reads there."""

import copy
import pickle

import pytest
import timm
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tutelage import FeatureTap
from tutelage.errors import StudentError


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


def test_reads_in_front_of_a_dropout_that_is_flattened():
    model = nn.Sequential(
        nn.Conv2d(1, 8, 2), nn.Sigmoid(), nn.Dropout2d(0.5), nn.Flatten(), nn.Linear(8, 2)
    )
    tap = FeatureTap(model)
    inputs = torch.randn(3, 1, 2, 2)
    model(inputs)
    torch.testing.assert_close(tap.take(), torch.sigmoid(model[0](inputs)).flatten(1))


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


def test_a_repeated_forward_of_checkpointing_is_no_forward_of_a_step():
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))
    tap, inputs = FeatureTap(model), torch.ones(2, 4)
    for _ in range(3):
        outputs = checkpoint(model, inputs, use_reentrant=False)
        features = tap.take()
        (outputs.sum() + features.sum()).backward()  # runs the model once more
    with pytest.raises(StudentError, match="has not run since"):
        tap.take()


def two_layers() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 2))


@pytest.mark.parametrize("train", [True, False])
def test_a_forward_without_gradients_between_forward_and_take_is_refused(train):
    model = two_layers().train(train)  # some train in evaluation mode, to freeze batch statistics
    tap = FeatureTap(model)
    model(torch.ones(2, 4))
    with torch.no_grad():
        model(torch.zeros(2, 4))
    with pytest.raises(StudentError, match=r"directly after the forward|after each forward"):
        tap.take()


def test_features_of_an_earlier_forward_are_not_dropped_without_a_word():
    model = two_layers()
    tap = FeatureTap(model)
    first, second = torch.ones(2, 4), torch.zeros(3, 4)
    for _ in range(2):  # the refusal forgets both
        model(first)
        model(second)
        with pytest.raises(StudentError, match=r"more than once .* forwards=2\) .* clear\(\)"):
            tap.take()
    model(first)
    tap.clear()
    model(second)
    torch.testing.assert_close(tap.take(), model[0](second))


def test_features_of_several_forwards_a_step_come_together():
    model = two_layers()
    tap = FeatureTap(model, forwards=2)
    first, second = torch.ones(2, 4), torch.zeros(3, 4)
    model(first)
    with pytest.raises(StudentError, match=r"ran 1 times since .* not 2 times"):
        tap.take()
    model(first)
    with torch.no_grad():
        model(first + 1)  # as a target; it makes room first
    model(second)
    features = tap.take()
    torch.testing.assert_close(features, model[0](torch.cat([first, second])))
    features.sum().backward()
    assert torch.equal(model[0].bias.grad, torch.full((8,), 5.0))
    for inputs in (first, second, first):
        model(inputs)
    with pytest.raises(StudentError, match=r"more than 2 times .* forwards=3\)"):
        tap.take()


def test_forwards_in_evaluation_need_not_be_taken():
    model = two_layers()
    tap = FeatureTap(model)
    model(torch.ones(5, 4))  # before the first step
    for _ in range(2):
        model.eval()
        for _ in range(3):
            model(torch.ones(6, 4))  # with gradients: no_grad() was forgotten
        model.train()
        with pytest.raises(StudentError, match="ran in evaluation mode"):
            tap.take()
        model(torch.ones(2, 4))
        assert tap.take().shape == (2, 8)
    model(torch.ones(2, 4))
    with torch.no_grad():
        model(torch.ones(3, 4))
        assert tap.take().shape == (3, 8)


def test_replicas_of_data_parallel_are_refused():
    model = two_layers()
    tap = FeatureTap(model, "1")
    replica = model[1]._replicate_for_data_parallel()  # one a device, with the hooks of the model
    replica.weight, replica.bias = model[1].weight, model[1].bias
    replica(torch.ones(2, 8))
    with pytest.raises(StudentError, match=r"DataParallel .* use DistributedDataParallel"):
        tap.take()
    model(torch.ones(2, 4))
    assert tap.take().shape == (2, 8)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_model_is_copied_also_between_forward_and_take(copied):
    model = two_layers()
    tap = FeatureTap(model)
    model(torch.ones(2, 4))
    other = copied(model)
    assert tap.take().requires_grad
    other(torch.ones(2, 4))
    with pytest.raises(StudentError, match="a copy of it needs its own FeatureTap"):
        tap.take()
    again = FeatureTap(other)
    other(torch.ones(2, 4))
    torch.testing.assert_close(again.take(), model[0](torch.ones(2, 4)))


def test_a_module_that_holds_model_and_tap_is_copied_with_both():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = two_layers()
            self.tap = FeatureTap(self.model)

    other = copy.deepcopy(Both())
    other.model(torch.ones(2, 4))
    torch.testing.assert_close(other.tap.take(), other.model[0](torch.ones(2, 4)))


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # PyTorch hides it from users
@pytest.mark.parametrize("forwards", [1, 2])
def test_a_compiled_model_is_tapped_without_a_break(forwards):
    torch.compiler.reset()
    model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 2))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    tap = FeatureTap(compiled, forwards=forwards)  # it has not run yet
    assert tap.path == "2"
    graphs = []
    for _ in range(4):
        for _ in range(forwards):
            compiled(torch.ones(2, 4))
        features = tap.take()
        torch.testing.assert_close(features, model[0](torch.ones(2 * forwards, 4)))
        features.sum().backward()
        model.eval()
        with torch.no_grad():
            compiled(torch.ones(2, 4))
            compiled(torch.ones(2, 4))
        model.train()
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    assert graphs[1] == graphs[-1]  # compiled once and for all


def test_a_model_that_ran_compiled_is_compiled_again_for_a_tap():
    torch.compiler.reset()
    compiled = torch.compile(two_layers(), backend="aot_eager")
    compiled(torch.ones(2, 4))
    tap = FeatureTap(compiled)
    compiled(torch.ones(2, 4))
    with pytest.raises(StudentError, match=r"before torch\.compile or call torch\.compiler\.reset"):
        tap.take()
    torch.compiler.reset()
    compiled(torch.ones(2, 4))
    assert tap.take().shape == (2, 8)


def test_repr_tells_what_is_read():
    assert (
        repr(FeatureTap(nn.Sequential(nn.Linear(4, 2))))
        == "FeatureTap(Sequential, '0': reads [batch, 4], the input of Linear)"
    )
    assert (
        repr(FeatureTap(Decoder(), pool="last", forwards=2))
        == "FeatureTap(Decoder, 'score': reads [2 * batch, 6], the input of Linear, of its last token)"
    )


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FeatureTap("resnet18"), r"expected a model \(torch.nn.Module\), got str"),
        (lambda: FeatureTap(two_layers(), pool="mean"), "pool must be 'last' or None, not 'mean'"),
        (lambda: FeatureTap(two_layers(), forwards=0), "forwards must be positive, got 0"),
    ],
)
def test_wrong_use_is_named(make, message):
    with pytest.raises((StudentError, ValueError), match=message):
        make()
