"""Parts of weight decay: what decays, and what keeps its norm."""

from copy import deepcopy

import pytest
import torch
from torch import nn

from badminima.config import RecipeConfig
from badminima.models.numerics import Numerics
from badminima.training.gradients import KeptNorms
from badminima.training.step import Step

EXACT = Numerics(torch.device("cpu"), "fp32", "none", True)


def trained(recipe: RecipeConfig, steps: int = 3) -> tuple[nn.Module, nn.Module]:
    """A network before and after some steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    start = deepcopy(model)
    step = Step(model, recipe, EXACT, 3, 20)
    images, labels = torch.randn(20, 4), torch.randint(3, (20,))
    for _ in range(steps):
        step(images, labels, 0.1)
    return start, model


def decays(part: str) -> dict[str, torch.Tensor]:
    """Return what decay of a part takes from each parameter in the first step."""
    _, without = trained(RecipeConfig(), 1)
    _, model = trained(RecipeConfig(weight_decay=0.5, weight_decay_of=part), 1)
    plain = dict(without.named_parameters())
    return {name: (plain[name] - parameter).detach() for name, parameter in model.named_parameters()}


def test_decay_of_a_part_is_that_of_all_on_this_part_and_none_elsewhere():
    whole, readout, hidden = (decays(part) for part in ("all", "readout", "hidden"))
    for name in whole:
        here, elsewhere = (readout, hidden) if name.startswith("3.") else (hidden, readout)
        torch.testing.assert_close(here[name], whole[name])
        assert not elsewhere[name].any()
    assert all(part.any() for name, part in whole.items() if name != "1.bias")


def test_kept_norms_are_those_of_the_start_while_directions_move():
    start, model = trained(RecipeConfig(keep_norms=True, weight_decay=0.5, momentum=0.9))
    for (name, before), after in zip(start.named_parameters(), model.parameters(), strict=True):
        if before.ndim > 1:
            assert after.norm().item() == pytest.approx(before.norm().item(), rel=1e-5)
            assert nn.functional.cosine_similarity(before.flatten(), after.flatten(), dim=0) < 0.999
        elif name == "1.weight":
            assert after.norm() < before.norm()


def test_weights_of_zero_stay_zero():
    model = nn.Linear(3, 2)
    nn.init.zeros_(model.weight)
    kept = KeptNorms(model)
    kept.restore_norms()
    assert not model.weight.any()
