"""Robustness: what the measure promises about strengths, draws and images, and each corruption by hand."""

import numpy as np
import pytest
import torch

from badminima.data.items import channels_last, zero_values
from badminima.diagnostics.attacks import draw_start, fgsm, pgd
from badminima.diagnostics.robustness import measure, shifted, withstanding, zeroed

# Strengths that cost little time.
FEW = {"fgsm": [1], "pgd_linf": [1], "pgd_l2": [0.1], "gaussian": [0.1], "shift": [1], "zeroing": [0.1], "steps": 5}


@pytest.fixture
def measured(run_context):
    """Measure a trained MLP on 300 images (two batches) with the given options; those not given are few."""
    return lambda model="mlp", **options: measure(run_context(model, images=300, robustness={**FEW, **options}))


def plain_accuracy(context, images) -> float:
    return float((context.network.logits(images).argmax(1) == context.test.labels).double().mean())


def test_what_disturbs_by_next_to_nothing_does_not_change_the_accuracy(run_context, measured):
    kinds = sorted(set(FEW) - {"steps", "shift"})
    found = measured(**{kind: [1e-9] for kind in kinds})
    context = run_context(images=300)
    assert found["robustness.clean"] == pytest.approx(plain_accuracy(context, context.test.images))
    assert 0.5 < found["robustness.clean"] < 1
    assert {found[f"robustness.{kind}_1e-09"] for kind in kinds} == {found["robustness.clean"]}
    assert set(found) == {"robustness.clean", "robustness.shift_1", *(f"robustness.{kind}_1e-09" for kind in kinds)}


@pytest.mark.parametrize("model", ["mlp", "convnet"])
def test_accuracy_never_rises_with_the_radius_whatever_their_order(measured, model):
    radii = {"fgsm": [64, 2, 8, 24], "pgd_linf": [24, 2, 8], "pgd_l2": [2, 0.25, 0.5]}
    found = measured(model, **radii)
    for kind, strengths in radii.items():
        values = [found["robustness.clean"], *(found[f"robustness.{kind}_{radius:g}"] for radius in sorted(strengths))]
        assert values == sorted(values, reverse=True)
        assert values[-1] < values[0] - 0.1
    assert found["robustness.pgd_linf_24"] <= found["robustness.fgsm_24"] + 0.02


@pytest.mark.parametrize(
    ("kind", "radius", "size"), [("fgsm", 8, 8 / 255), ("pgd_linf", 8, 8 / 255), ("pgd_l2", 0.3, 0.3)]
)
def test_a_radius_alone_is_measured_by_the_plain_attack(run_context, kind, radius, size):
    context = run_context(images=200, robustness={**FEW, kind: [radius]})
    sample, model = context.test, context.network.model
    pixels, norm = sample.pixels().clamp(0, 1), kind.removeprefix("pgd_")

    def classify(inputs):
        return model(sample.normalize(inputs))

    if kind == "fgsm":
        attacked = fgsm(classify, pixels, sample.labels, size)
    else:
        start = draw_start(pixels, norm, context.generator("robustness", kind))
        attacked, _ = pgd(classify, pixels, sample.labels, size, norm, FEW["steps"], start)
    # One that is misclassified undisturbed stays so, whatever the attack makes of it.
    right = (classify(attacked).argmax(1) == sample.labels) & (classify(pixels).argmax(1) == sample.labels)
    assert measure(context)[f"robustness.{kind}_{radius:g}"] == pytest.approx(float(right.double().mean()))


def test_an_image_once_broken_stays_broken_and_is_attacked_no_more():
    seen = []

    def attack(chosen, radius):
        seen.append((radius, chosen.tolist()))
        # Breaks image 3 at radius 1 alone, image 1 from radius 2 on.
        return (chosen == 3) & (radius == 1) | (chosen == 1) & (radius >= 2)

    right = torch.tensor([False, True, True, True])
    standing = {radius: kept.tolist() for radius, kept in withstanding(attack, right, [3, 1, 2])}
    assert seen == [(1, [1, 2, 3]), (2, [1, 2]), (3, [2])]
    assert standing[1] == [False, True, True, False]
    assert standing[2] == standing[3] == [False, False, True, False]
    assert right.tolist() == [False, True, True, True]
    assert [kept.tolist() for _, kept in withstanding(attack, torch.zeros(4).bool(), [1])] == [[False] * 4]


@pytest.mark.parametrize("fraction", [0, 0.1, 0.29, 0.5, 1])
def test_zeroing_is_the_noise_of_the_confusing_set(digits_on_torch, run_context, fraction):
    images = digits_on_torch.train_images[:40].clone().clamp_min_(1)
    context = run_context()
    sample = context.sample(images, digits_on_torch.train_labels[:40])
    disturbed = zeroed(sample.pixels(), torch.rand(sample.images.shape, generator=context.generator("a")), fraction)
    masked = (disturbed == 0).flatten(1)
    assert (masked.sum(1) == int(fraction * 64 + 1e-9)).all()
    # The data's own path from these masks: packed bits, zeroed bytes, normalized.
    packed = torch.from_numpy(np.packbits(masked.numpy(), axis=1))
    raw = zero_values(channels_last(images), packed).permute(0, 3, 1, 2)
    torch.testing.assert_close(sample.normalize(disturbed), context.sample(raw, sample.labels).images)


def test_zeroing_zeroes_values_each_channel_for_itself_and_more_of_the_same():
    pixels, keys = torch.ones(50, 3, 6, 6), torch.rand(50, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    little, much = (zeroed(pixels, keys, fraction) == 0 for fraction in (0.1, 0.3))
    assert (little.flatten(1).sum(1) == 10).all()
    assert (much.flatten(1).sum(1) == 32).all()
    assert much[little].all()
    assert not torch.equal(little[:, 0], little[:, 1])
    assert len(torch.unique(little.flatten(1), dim=0)) == 50


def test_shifts_go_in_four_directions_and_bring_in_zeros():
    pixels = torch.arange(1, 7).view(1, 1, 2, 3)
    right, left, down, up = (moved[0, 0].tolist() for moved in shifted(pixels, 1))
    assert right == [[0, 1, 2], [0, 4, 5]]
    assert left == [[2, 3, 0], [5, 6, 0]]
    assert down == [[0, 0, 0], [1, 2, 3]]
    assert up == [[4, 5, 6], [0, 0, 0]]


def test_the_accuracy_under_shifts_is_the_mean_of_four(run_context, measured):
    context = run_context(images=300)
    moved = list(shifted(context.test.pixels(), 1))
    four = [plain_accuracy(context, context.test.normalize(pixels)) for pixels in moved]
    assert len(set(four)) > 1
    assert measured(shift=[1])["robustness.shift_1"] == pytest.approx(sum(four) / 4)


def test_noise_costs_accuracy_and_is_the_same_for_all_strengths(measured):
    strengths = {"gaussian": [0.05, 0.4], "zeroing": [0.05, 0.6]}
    found = measured(**strengths)
    assert found == measured(**strengths)
    for kind, (weak, strong) in strengths.items():
        alone = measured(**{kind: [strong]})
        name = f"robustness.{kind}_{strong:g}"
        assert alone[name] == found[name] < found[f"robustness.{kind}_{weak:g}"]


def test_at_most_so_many_images_are_measured(run_context):
    found = measure(run_context(images=300, robustness={**FEW, "images": 7, "gaussian": [0.2]}))
    del found["robustness.shift_1"]  # a mean of four
    assert all(7 * value == pytest.approx(round(7 * value)) for value in found.values())


def test_by_default_every_kind_is_measured_and_the_network_left_as_it_was(run_context):
    context = run_context("convnet", images=20)
    model = context.network.model
    model[0].weight.requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    in_between = []
    hook = model.register_forward_hook(lambda *_: in_between.append(model[1].weight.requires_grad))
    found = measure(context)
    hook.remove()
    assert not any(in_between)
    assert {key.removeprefix("robustness.").rpartition("_")[0] for key in found} == {"", *FEW} - {"steps"}
    assert len(found) == 1 + 3 + 3 + 3 + 3 + 2 + 3
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.training
    assert [parameter.requires_grad for parameter in model.parameters()] == [False, True] + [True] * (
        len(list(model.parameters())) - 2
    )
    assert all(parameter.grad is None for parameter in model.parameters())
