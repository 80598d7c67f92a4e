"""The toy in the plane: its trainings are torch's, and its numbers say what is seen."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from badminima.config import ToyConfig, ToyPretraining
from badminima.config.load import load_config
from badminima.errors import UserError
from badminima.experiment.settings import ToySettings
from badminima.toy.data import draw_data, read_networks, steps_of, write_networks
from badminima.toy.experiment import epochs_of, run_toy
from badminima.toy.measure import Window
from badminima.toy.network import Plateau, Trainer, accuracy, draw_layers, logits, pretrain, run_epoch, vectors
from tests.configs import overlay, raw_config
from tests.unit.toy.conftest import SMALL, as_torch


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.0, 0.0), (0.9, 0.05)])
def test_each_network_of_a_stack_takes_the_steps_of_torchs_sgd(stack, momentum, weight_decay):
    layers, points, labels = stack
    trainer = Trainer(layers, 5, momentum, weight_decay)
    for _ in range(10):
        run_epoch(trainer, points, labels, np.full(3, 0.1))
    for network in range(3):
        reference = as_torch(layers, network)
        optimizer = torch.optim.SGD(reference.parameters(), lr=0.1, momentum=momentum, weight_decay=weight_decay)
        inputs, targets = torch.from_numpy(points[network]), torch.from_numpy(labels[network])
        for batch in torch.arange(20).repeat(10).split(5):
            optimizer.zero_grad()
            binary_cross_entropy_with_logits(reference(inputs[batch]).squeeze(1), targets[batch]).backward()
            optimizer.step()
        expected = reference(inputs).squeeze(1).detach().numpy()
        assert logits(trainer.layers, points)[network] == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_the_loss_of_an_epoch_is_torchs(stack):
    layers, points, labels = stack
    losses = run_epoch(Trainer(layers, 20), points, labels, np.full(3, 0.1))
    outputs, targets = torch.from_numpy(logits(layers, points)), torch.from_numpy(labels)
    expected = binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(dim=1)
    assert losses == pytest.approx(expected.numpy())


def test_pretraining_leaves_the_weights_it_starts_from_alone(stack):
    layers, points, labels = stack
    before = [layer.copy() for layer in layers]
    config = SMALL.model_copy(update={"pretraining": ToyPretraining(epochs=3)})
    pretrain(layers, points, labels, config, [np.random.default_rng(0)] * 3, lambda done, message: None)
    assert all(np.array_equal(layer, copy) for layer, copy in zip(layers, before, strict=True))


def test_random_weights_have_the_bounds_of_torchs_linear():
    for layer, linear in zip(
        draw_layers([100], np.random.default_rng(0)), [nn.Linear(2, 100), nn.Linear(100, 1)], strict=True
    ):
        bound = 1 / np.sqrt(linear.in_features)
        assert layer.shape == (linear.in_features + 1, linear.out_features)
        assert 0.9 * bound < np.abs(layer).max() <= bound


def test_the_learning_rate_shrinks_as_torchs_plateau_schedule(rng):
    losses = np.abs(rng.normal(1, 0.2, size=60)) * np.linspace(1, 0.5, 60)
    ours = Plateau(0.1, 0.5, 3, 1)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    theirs = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=3)
    for loss in losses:
        ours.update(np.array([loss]))
        theirs.step(loss)
        assert ours.rates[0] == pytest.approx(optimizer.param_groups[0]["lr"])
    assert ours.rates[0] < 0.1


def test_a_seed_ends_with_the_same_bits_whatever_seeds_stand_beside_it(networks):
    told = []
    settings = ToySettings(toy=SMALL.model_copy(update={"seeds": [1]}), root_seed=0)
    alone, _ = run_toy(settings, lambda done, message: told.append((done, message.split()[0])))
    # It shows progress from the first hundred epochs to the last, in pretraining and in training.
    assert {part for _, part in told} == {"pretraining", "training"}
    assert told == sorted(told)
    assert (told[0][0], told[-1][0]) == (100, epochs_of(SMALL))
    epochs = networks.stages[1].epochs
    assert len(set(epochs.tolist())) == 3  # they left the stack one by one
    for together, single in zip(networks.stages, alone.stages, strict=True):
        assert together.epochs[1] == single.epochs[0]
        for ours, theirs in zip(together.layers, single.layers, strict=True):
            assert np.array_equal(ours[1], theirs[0])


def test_pretraining_ends_at_the_first_look_that_finds_all_random_labels_fitted(networks):
    pretrained = networks.stages[1]
    data, first = networks.data, int(pretrained.epochs[0])
    assert accuracy(pretrained.layers, data.train_points, data.random_labels).tolist() == [1, 1, 1]
    pretraining = SMALL.pretraining.model_copy(update={"epochs": first - 100})
    settings = SMALL.model_copy(update={"seeds": [0], "pretraining": pretraining})
    shorter = run_toy(ToySettings(toy=settings, root_seed=0))[0].stages[1]
    assert shorter.epochs.tolist() == [first - 100]
    assert accuracy(shorter.layers, data.train_points[:1], data.random_labels[:1])[0] < 1


def test_the_blobs_lie_where_the_published_ones_do():
    data = draw_data(ToyConfig(points=4000), root_seed=0, seed=0)
    for label, x in ((0, -0.45), (1, 0.85)):
        points = data.train_points[data.train_labels == label]
        assert points.mean(axis=0) == pytest.approx([x, 0.2], abs=0.01)
        assert points.std(axis=0) == pytest.approx([0.15, 0.15], abs=0.005)
    assert np.mean(data.random_labels == data.train_labels) == pytest.approx(0.5, abs=0.02)
    copies = data.augmented_points.reshape(3, 8000, 2)
    assert np.array_equal(copies[0], data.train_points)
    assert (copies[1:] - copies[0]).std() == pytest.approx(0.1, abs=0.002)
    assert np.array_equal(data.augmented_labels.reshape(3, 8000), np.tile(data.train_labels, (3, 1)))
    assert not np.isin(data.test_points[:, 0], data.train_points[:, 0]).any()


def test_a_straight_boundary_has_length_one_and_a_circle_its_circumference():
    window = Window(ToyConfig())
    x, y = np.meshgrid(window.x, window.y)
    assert window.boundary_length(x - 0.2003) == pytest.approx(1, abs=1e-5)
    assert window.error(x - 0.2003) < 0.01
    assert window.error(0.2003 - x) > 0.99
    circle = np.hypot(x - 0.2, y - 0.2) - 0.5
    assert window.boundary_length(circle) == pytest.approx(2 * np.pi * 0.5 / window.height, rel=1e-3)
    assert window.boundary_length(np.ones_like(x)) == 0


def test_vanilla_sgd_keeps_an_intricate_boundary_that_l2_straightens(table):
    trained = table[table["phase"] == "training"]
    assert (trained["train_accuracy"] == 1).all()
    lengths = trained.pivot(index="seed", columns="run", values="boundary_length")
    assert (lengths["vanilla"] > 1.5).all()
    assert (lengths["l2"] < 1.1).all()


def test_the_table_tells_what_each_network_was_trained_to_do(table, networks):
    assert len(table) == (2 + len(SMALL.runs)) * 3
    assert set(table.loc[table["phase"] == "pretraining", "random_label_accuracy"]) == {1.0}
    assert set(table.loc[table["phase"] != "start", "status"]) == {"converged"}
    # Each on the labels of its phase: those of another phase would cost nats, not hundredths.
    assert (table.loc[table["phase"] != "start", "train_loss"] < 0.3).all()
    assert (table.loc[table["phase"] == "start", "distance"] == 0).all()
    starts, ends = (vectors(networks.stages[place].layers) for place in (1, -1))
    norms, of_starts, moved = (np.linalg.norm(rows, axis=1) for rows in (ends, starts, ends - starts))
    last = table[table["run"] == "da+m"]
    assert last["norm"].tolist() == pytest.approx(norms.tolist())
    assert last["distance"].tolist() == pytest.approx((moved / of_starts).tolist())


def test_networks_come_back_from_disk_as_they_were(networks, tmp_path):
    def arrays(found):
        stacks = [*(stage.layers for stage in found.stages), *found.frames.values()]
        return [*(layer for stack in stacks for layer in stack), *vars(found.data).values(), found.steps]

    write_networks(tmp_path / "networks.safetensors", networks)
    found = read_networks(tmp_path / "networks.safetensors")
    assert found.config == networks.config
    assert [(stage.phase, stage.run, stage.init) for stage in found.stages] == [
        (stage.phase, stage.run, stage.init) for stage in networks.stages
    ]
    assert all(np.array_equal(*pair) for pair in zip(arrays(found), arrays(networks), strict=True))


def test_frames_go_from_the_init_to_the_end_of_the_run(networks):
    adversarial = networks.stages[1].layers
    for run, frames in networks.frames.items():
        (end,) = [stage.layers for stage in networks.stages if stage.run == run]
        assert all(np.array_equal(frame[0], start[0]) for frame, start in zip(frames, adversarial, strict=True))
        assert all(np.array_equal(frame[-1], last[0]) for frame, last in zip(frames, end, strict=True))
    assert networks.steps.tolist() == sorted({0, *networks.steps.tolist()})
    assert networks.steps[-1] == steps_of(SMALL, "l2") == 400 * 4
    assert steps_of(SMALL, "da+m") == 200 * 4 * 3


@pytest.mark.parametrize(
    ("toy", "message"),
    [
        ({"batch_size": 7}, "toy.batch_size: found 7; expected a divisor of the 100 training points"),
        ({"animated": ["sgd"]}, "toy.animated: found 'sgd'; allowed: vanilla_lr0.01, vanilla,"),
        ({"seeds": [1, 1]}, "toy.seeds: found 1 more than once"),
    ],
)
def test_a_mistake_in_the_toy_is_told_in_one_line(toy, message):
    with pytest.raises(UserError) as told:
        load_config(overlay(raw_config(), {"toy": toy}))
    assert str(told.value).startswith(message)
