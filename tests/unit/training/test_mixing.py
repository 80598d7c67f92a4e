"""mixup, CutMix and dropout: what becomes of a batch."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from badminima.config import ModelConfig, RecipeConfig
from badminima.config.registry import ARCHITECTURES
from badminima.errors import UserError
from badminima.models.build import add_dropout, build_model
from badminima.models.numerics import Numerics
from badminima.training.step import Step, mixing_of

EXACT = Numerics(torch.device("cpu"), "fp32", "none", True)
LABELS = torch.tensor([0, 1, 2, 3, 4])


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_mixups_loss_is_that_of_blended_images_on_both_labels_by_their_shares(smoothing):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 5))
    images = torch.randn(5, 3, 2, 2)
    torch.manual_seed(7)
    share = torch.distributions.Beta(torch.tensor([0.4]), torch.tensor([0.4])).sample().item()
    logits = network(share * images + (1 - share) * images.roll(1, 0))
    own, other = (cross_entropy(logits, labels, label_smoothing=smoothing) for labels in (LABELS, LABELS.roll(1)))
    torch.manual_seed(7)
    loss, _ = Step(network, RecipeConfig(mixup=0.4, label_smoothing=smoothing), EXACT, 5, 5)(images, LABELS, 0.1)
    assert 0.01 < share < 0.99
    torch.testing.assert_close(loss, (share * own + (1 - share) * other).detach())


def test_cutmix_pastes_a_rectangle_and_weighs_labels_by_its_area():
    torch.manual_seed(1)
    images = LABELS.float().view(5, 1, 1, 1).expand(5, 2, 8, 8).clone()
    shares = []
    for _ in range(20):
        mixed, targets = mixing_of(RecipeConfig(cutmix=1.0), 5)(images, LABELS)
        pasted = mixed != images
        assert torch.equal(mixed[pasted], images.roll(1, 0)[pasted])
        share = pasted.float().mean().item()
        rows, columns = (pasted[1, 0].any(axis).sum().item() for axis in (1, 0))
        assert pasted[1, 0].sum() == rows * columns
        expected = share * torch.eye(5).roll(1, 0) + (1 - share) * torch.eye(5)
        torch.testing.assert_close(targets, expected)
        shares.append(share)
    assert min(shares) < 0.2
    assert max(shares) > 0.5


@pytest.mark.parametrize("architecture", ARCHITECTURES.names)
def test_dropout_acts_on_the_classifiers_inputs_in_training_alone_and_weights_keep_their_names(architecture):
    torch.manual_seed(0)
    network = build_model(ModelConfig(architecture=architecture), (3, 16, 16), 7).eval()
    names, images = list(network.state_dict()), torch.randn(8, 3, 16, 16)
    with torch.no_grad():
        before = network(images)
        add_dropout(network, 0.5)
        seen = []
        last = [layer for layer in network.modules() if isinstance(layer, nn.Linear)][-1]
        last.register_forward_hook(lambda layer, inputs, output: seen.append(inputs[0]))
        assert torch.equal(network(images), before)
        network.train()
        network(images)
    assert last.out_features == 7
    assert list(network.state_dict()) == names
    kept, dropped = ((one == 0).float().mean().item() for one in seen)
    assert dropped == pytest.approx(0.5 + 0.5 * kept, abs=0.1)


def test_a_network_without_a_linear_layer_cannot_have_dropout():
    with pytest.raises(UserError, match="without a linear layer"):
        add_dropout(nn.Sequential(nn.Flatten()), 0.5)
