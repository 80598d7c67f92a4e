"""The training loop, the same for pretraining on a confusing set and for training on the true labels.

No epoch waits for the device: losses add up there and are read once per epoch. A training can stop after any step and
go on later, in another process, to the same bits: what it draws at random it draws from streams that are named by
epoch, and the rest of its state is in its restart points.
"""

import math
import time
from collections.abc import Callable
from dataclasses import InitVar, asdict, dataclass, replace

import torch
from torch import nn

from badminima.data.augmentation import AugmentationDraws, draw_augmentation, flip_labels
from badminima.data.items import Items
from badminima.errors import GOES_ON, Interrupted
from badminima.experiment.settings import TrainSettings
from badminima.models.numerics import Numerics
from badminima.models.weights import Weights, weights_of
from badminima.seeding import integer_seed
from badminima.storage.device import describe
from badminima.training.graphs import Learner
from badminima.training.optimizer import rate_of_step
from badminima.training.record import Evaluation, Evaluator, HistoryRow, Outcome
from badminima.training.restart import Interruption, RestartPoints, State
from badminima.training.step import Step

# Measures a network in training by its weights: name -> number.
Measure = Callable[[Weights], dict[str, float]]


# A pretraining whose running accuracy is farther than this from its target is not evaluated in full.
NEAR_TARGET = 0.05


@dataclass(frozen=True)
class Hooks:
    """The companions of a training.

    Attributes:
        report: called with every evaluated epoch.
        measure: called with the weights at every evaluated epoch; its numbers become columns of the history. It leaves
            torch's global state as it is. None: nothing more.
        points: where to go on from, and where to leave restart points; None: nowhere.
        interruption: asks for an early end; needs ``points``.
    """

    report: Callable[[HistoryRow], None] = lambda row: None
    measure: Measure | None = None
    points: RestartPoints | None = None
    interruption: Interruption | None = None


NO_HOOKS = Hooks()


@dataclass(eq=False)
class Training:
    """One training, from given weights to the end.

    Args:
        model: the network, on the device; trained in place.
        train_items: what is fitted: a confusing set or the training split.
        test_items: what is measured beside it.
        settings: recipe, schedule and seeds.
        numerics: how numbers are computed.
        classes: number of classes.
        target_accuracy: accuracy on ``train_items`` that counts as fitting them.
        stop_at_target: end at the first evaluation that reaches it, instead of after the last epoch.
        hooks: what accompanies it.
    """

    model: nn.Module
    train_items: Items
    test_items: Items
    settings: TrainSettings
    numerics: InitVar[Numerics]
    classes: int
    target_accuracy: float
    stop_at_target: bool
    hooks: Hooks = NO_HOOKS

    def __post_init__(self, numerics: Numerics) -> None:
        recipe, optimization = self.settings.recipe, self.settings.optimization
        batch_size = optimization.batch_size
        # Of an epoch, and the items in them: all, unless a smaller last batch is left out.
        self.batches = optimization.batches(len(self.train_items))
        self.items = min(len(self.train_items), self.batches * batch_size)
        self.step = Step(self.model, recipe, numerics, self.classes, self.items, batch_size)
        self.learn = Learner(self.step, numerics, batch_size, count_correct=self.stop_at_target)
        self.evaluate = Evaluator(numerics)
        self.evaluate_exactly = Evaluator(replace(numerics, precision="fp32"))
        self.outcome = Outcome()
        self.epoch, self.batch = 0, 0
        self._started = time.perf_counter()
        self._seconds_before = 0.0
        self._training_seconds, self._trained_images = 0.0, 0

    def run(self) -> Outcome:
        """Train to the end.

        Raises:
            Interrupted: if it was asked to stop; a restart point is written.
            torch.OutOfMemoryError: if the device's memory does not suffice.
        """
        with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
            # What is not drawn by name (dropout, mixup); in restart points too.
            torch.manual_seed(integer_seed(self.settings.root_seed, *self._stream_name("network")))
            state = None if self.hooks.points is None else self.hooks.points.load()
            if state is not None:
                self._restore(state)
                self.outcome.restarts += 1
            device, threads = describe(self.learn.loss_sum.device), torch.get_num_threads()
            self.outcome.processes.append({"device": device, "threads": threads, "epoch": self.epoch})
            if state is None:
                self._record(0, self._measure_train(0))
            while not self._is_over():
                self._train_epoch()
                self._finish_epoch()
        return self.outcome

    def state(self) -> State:
        """Everything that the rest of the training depends on."""
        return {
            "model": self.model.state_dict(),
            "step": self.step.state(),
            "epoch": self.epoch,
            "batch": self.batch,
            "loss_sum": self.learn.loss_sum,
            "correct": self.learn.correct,
            "history": [asdict(row) for row in self.outcome.history],
            "restarts": self.outcome.restarts,
            "processes": self.outcome.processes,
            "seconds": self._seconds(),
            "training_seconds": self._training_seconds,
            "trained_images": self._trained_images,
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all(),
        }

    def _restore(self, state: State) -> None:
        self.model.load_state_dict(state["model"])
        self.step.restore(state["step"])
        self.epoch, self.batch = state["epoch"], state["batch"]
        self.learn.loss_sum.copy_(state["loss_sum"])
        self.learn.correct.copy_(state["correct"])
        self.outcome.history = [HistoryRow(**row) for row in state["history"]]
        self.outcome.restarts = state["restarts"]
        self.outcome.processes = state["processes"]
        self._seconds_before, self._started = state["seconds"], time.perf_counter()
        self._training_seconds, self._trained_images = state["training_seconds"], state["trained_images"]
        torch.set_rng_state(state["random"])
        if len(state["random_cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["random_cuda"])

    def _is_over(self) -> bool:
        done = self.batch == 0 and self.epoch == self.settings.optimization.epochs
        fitted = self.stop_at_target and self.outcome.status == "converged"
        return done or fitted or self.outcome.status == "diverged"

    def _train_epoch(self) -> None:
        """Make a pass over the items in a fresh random order, or the rest of one."""
        started = time.perf_counter()
        optimization = self.settings.optimization
        if self.batch == 0:
            self.epoch += 1
            self.learn.reset()
        augmentation = self._augmentation("augment", self.epoch)
        rng = torch.Generator().manual_seed(self._seed("order", self.epoch))
        order = torch.randperm(len(self.train_items), generator=rng)[: self.items]
        order = order[self.batch * optimization.batch_size :]
        self.model.train()
        items = self._with_label_noise(self.epoch)
        for images, labels in items.batches(order, optimization.batch_size, augmentation):
            self.learn(images, labels, self._rate(self.step.count))
            self.batch += 1
            self._trained_images += len(labels)
            now = time.perf_counter()
            self._training_seconds, started = self._training_seconds + now - started, now
            self._save_or_stop()
        self.learn.loss_sum.item()  # waits for the device, so that the clock counts the work and not the queue
        self._training_seconds += time.perf_counter() - started

    def _save_or_stop(self) -> None:
        """Leave a restart point where one is due; stop where that was asked for."""
        points, interruption = self.hooks.points, self.hooks.interruption
        if points is None:
            return
        # A signal may come at any time: it is looked at once.
        name = None if interruption is None else interruption.signal_name
        if name is not None:
            points.save(self.state())
            raise Interrupted(f"{name}: stopped in epoch {self.epoch} after step {self.step.count}; {GOES_ON}")
        points.save_if_due(self.state)

    def _finish_epoch(self) -> None:
        """Evaluate where it is due, and see whether the training is over."""
        outcome, optimization = self.outcome, self.settings.optimization
        outcome.epochs = self.epoch
        diverged = not math.isfinite(self.learn.loss_sum.item())
        last = self.epoch == optimization.epochs
        if diverged or last or self.epoch % optimization.evaluate_every == 0:
            exactly = last or diverged
            train = None if self._is_hopeless(exactly) else self._measure_train(self.epoch, exactly)
            if self.stop_at_target and train is not None and train[0].accuracy >= self.target_accuracy and not exactly:
                # It may end here: what the training was computed in does not decide.
                exactly, train = True, self._measure_train(self.epoch, exactly=True)
            row = self._record(self.epoch, train, exactly)
            # The last steps may have blown up, which no batch's loss shows.
            if diverged or not math.isfinite(row.train_loss):
                outcome.status = "diverged"
            else:
                fitted = row.train_measured == "full" and row.train_accuracy >= self.target_accuracy
                outcome.status = "converged" if fitted else "max_epochs"
        self.batch = 0

    def _is_hopeless(self, must_know: bool) -> bool:
        """Whether a pretraining is too far from its target for a full evaluation to be worth its time."""
        running = self.learn.correct.item() / self.items
        return self.stop_at_target and not must_know and running < self.target_accuracy - NEAR_TARGET

    def _measure_train(self, epoch: int, exactly: bool = False) -> tuple[Evaluation, Evaluation]:
        """Measure the training items as they are, and through the recipe's augmentation."""
        evaluate = self.evaluate_exactly if exactly else self.evaluate
        plain = evaluate(self.step.evaluated, self.train_items)
        augmentation = self._augmentation("augment-evaluation", epoch)
        return plain, plain if augmentation is None else evaluate(self.step.evaluated, self.train_items, augmentation)

    def _record(self, epoch: int, train: tuple[Evaluation, Evaluation] | None, exactly: bool = False) -> HistoryRow:
        """Evaluate the test items and append a row.

        Args:
            epoch: which one is over.
            train: the evaluation of the training items; None: the running one counts.
            exactly: in 32-bit floats, whatever the training is computed in.
        """
        test = (self.evaluate_exactly if exactly else self.evaluate)(self.step.evaluated, self.test_items)
        self.outcome.predicted = test.predicted
        running = self.learn.correct.item() / self.items
        row = HistoryRow(
            epoch=epoch,
            step=self.step.count,
            lr=self._rate(max(self.step.count - 1, 0)),
            train_loss=train[0].loss if train else self.learn.loss_sum.item() / self.batches,
            train_accuracy=train[0].accuracy if train else running,
            train_accuracy_augmented=train[1].accuracy if train else running,
            train_measured="full" if train else "running",
            test_loss=test.loss,
            test_accuracy=test.accuracy,
            images_per_second=self._trained_images / self._training_seconds if self._trained_images else math.nan,
            seconds=self._seconds(),
            along={} if self.hooks.measure is None else self.hooks.measure(weights_of(self.step.evaluated)),
        )
        self._training_seconds, self._trained_images = 0.0, 0
        self.outcome.history.append(row)
        self.hooks.report(row)
        return row

    def _rate(self, step: int) -> float:
        return rate_of_step(self.settings.optimization, self.settings.recipe, step, self.batches)

    def _seconds(self) -> float:
        return self._seconds_before + time.perf_counter() - self._started

    def _augmentation(self, purpose: str, epoch: int) -> AugmentationDraws | None:
        if self.settings.augmentation is None:
            return None
        return draw_augmentation(self.settings.augmentation, len(self.train_items), self._seed(purpose, epoch))

    def _with_label_noise(self, epoch: int) -> Items:
        """Give the training items the epoch's label noise: an item is seen once an epoch, so each step's is fresh."""
        probability = self.settings.recipe.label_noise
        if probability == 0:
            return self.train_items
        seed = self._seed("label-noise", epoch)
        return replace(self.train_items, labels=flip_labels(self.train_items.labels, self.classes, probability, seed))

    def _stream_name(self, purpose: str) -> tuple[str | int, ...]:
        """Named by the seed alone, so that paired runs see the same batches."""
        return self.settings.phase, self.settings.dataset, self.settings.seed, purpose

    def _seed(self, purpose: str, epoch: int) -> int:
        return integer_seed(self.settings.root_seed, *self._stream_name(purpose), epoch)
