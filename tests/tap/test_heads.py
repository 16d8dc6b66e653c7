"""Which layer of a model is taken for its head, and what is refused."""

import pytest
import timm
import torch
from peft import LoraConfig, get_peft_model
from sentence_transformers import SentenceTransformer
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, BertModel

from tutelage import FeatureTap
from tutelage.errors import StudentError
from tutelage.tap import find_head, layer_at

SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


def test_the_classifier_that_a_model_names_comes_before_the_last_linear_layer():
    assert find_head(timm.create_model("convnext_atto")) == "head.fc"
    assert find_head(nn.Sequential(nn.Linear(4, 3), nn.Bilinear(3, 3, 2), nn.ReLU())) == "1"


def test_a_layer_with_an_adapter_is_taken_itself():
    """What enters a layer of the adapter would be four columns."""

    def adapted_in(*names: str) -> nn.Module:
        layers = nn.Sequential(nn.Linear(9, 8), nn.ReLU(), nn.Linear(8, 3))
        return get_peft_model(layers, LoraConfig(r=4, target_modules=list(names)))

    adapted = adapted_in("0", "2")
    assert find_head(adapted) == "base_model.model.2.base_layer"
    tap = FeatureTap(adapted)
    adapted(torch.ones(5, 9))
    assert tap.width == tap.take().shape[1] == 8
    assert find_head(adapted_in("0")) == "base_model.model.2"


def test_one_of_several_classifiers_is_refused_within_another_module_too():
    model = timm.create_model("levit_128s", num_classes=3)
    for module in (model, nn.Sequential(model)):
        with pytest.raises(StudentError, match=r"LevitDistilled has several classifiers \(head"):
            find_head(module)
    assert find_head(nn.Sequential(model, nn.Linear(3, 2))) == "1"


def test_a_body_without_a_classifier_is_refused():
    config = BertConfig(vocab_size=9, **SMALL)
    assert find_head(BertForSequenceClassification(config)) == "classifier"
    with pytest.raises(StudentError, match=r"'pooler\.dense', is one of its body"):
        find_head(BertModel(config))
    embeddings = SentenceTransformer(modules=[nn.Sequential(nn.Linear(4, 4))])
    with pytest.raises(StudentError, match=r"model\(inputs\)\['sentence_embedding'\]"):
        find_head(embeddings)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize(
    ("find", "message"),
    [
        (lambda: find_head(nn.Sequential(nn.Conv1d(2, 2, 1))), "has no linear layer"),
        (lambda: layer_at(nn.Sequential(nn.Linear(2, 2)), "fc"), "the last linear layers are 0"),
        (lambda: layer_at(timm.create_model("resnet18"), "fcc"), "did you mean 'fc'"),
        (lambda: layer_at(nn.Sequential(nn.Linear(2, 2)), 0), "path of a layer, .* got int"),
    ],
)
def test_wrong_use_is_named(find, message):
    with pytest.raises(StudentError, match=message):
        find()
