"""Robustness: what the measure promises about strengths, draws and images, and each corruption by hand."""

import pytest
import torch

from badminima.diagnostics.attacks import draw_start, fgsm, pgd
from badminima.diagnostics.robustness import measure, shifted, withstanding, zeroed

# Strengths that cost little time.
FEW = {"fgsm": [1], "pgd_linf": [1], "pgd_l2": [0.1], "gaussian": [0.1], "shift": [1], "zeroing": [0.1], "steps": 5}


@pytest.fixture
def measured(run_context):
    """Measure a trained MLP on 300 images (two batches) with the given options; those not given are few."""
    return lambda **options: measure(run_context(images=300, robustness={**FEW, **options}))


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


@pytest.mark.parametrize(
    ("kind", "radius", "size"), [("fgsm", 8, 8 / 255), ("pgd_linf", 8, 8 / 255), ("pgd_l2", 0.3, 0.3)]
)
def test_a_radius_alone_is_measured_by_the_plain_attack(run_context, kind, radius, size):
    context = run_context(images=200, robustness={**FEW, kind: [radius]})
    sample, model = context.test, context.network.model
    pixels, norm = sample.pixels_of(sample.images).clamp(0, 1), kind.removeprefix("pgd_")

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


def test_zeroing_zeroes_values_each_channel_for_itself_and_more_of_the_same():
    pixels, keys = torch.ones(50, 3, 6, 6), torch.rand(50, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    little, much = (zeroed(pixels, keys, fraction) == 0 for fraction in (0.1, 0.3))
    assert (little.flatten(1).sum(1) == 10).all()
    assert (much.flatten(1).sum(1) == 32).all()
    assert much[little].all()
    assert not torch.equal(little[:, 0], little[:, 1])


def test_shifts_go_in_four_directions_and_bring_in_zeros():
    pixels = torch.arange(1, 7).view(1, 1, 2, 3)
    right, left, down, up = (moved[0, 0].tolist() for moved in shifted(pixels, 1))
    assert right == [[0, 1, 2], [0, 4, 5]]
    assert left == [[2, 3, 0], [5, 6, 0]]
    assert down == [[0, 0, 0], [1, 2, 3]]
    assert up == [[4, 5, 6], [0, 0, 0]]


def test_the_accuracy_under_shifts_is_the_mean_of_four(run_context, measured):
    context = run_context(images=300)
    moved = list(shifted(context.test.pixels_of(context.test.images), 1))
    four = [plain_accuracy(context, context.test.normalize(pixels)) for pixels in moved]
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
