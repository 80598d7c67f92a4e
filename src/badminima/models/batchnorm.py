"""BatchNorm statistics of weights that were never trained, such as those between two networks."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d


def recompute_statistics(model: nn.Module, batches: Iterable[Tensor]) -> None:
    """Set every BatchNorm's running mean and variance to those of its inputs over all given images.

    One pass, in which each BatchNorm normalizes by its batch, as in training, and all else is in evaluation mode.
    Per channel, over images and positions, the means ``m_b`` and variances ``v_b`` of batches with ``n_b`` values are
    pooled: ``mean = sum_b n_b m_b / n`` and ``var = sum_b n_b (v_b + m_b^2) / n - mean^2``, divided by ``n`` and not
    by ``n - 1``.

    These are the exact population statistics of what each layer was given. With one batch, evaluation mode then
    computes what training mode does on it. With several, layers behind another BatchNorm were given values
    normalized per batch, so that theirs depend a little on the batches; the first layer's do not.
    ``torch.optim.swa_utils.update_bn`` takes an unweighted mean of the batches' variances instead, which leaves out
    the variance between batches.

    Parameters, modes and the numbers of batches seen stay as they are. Without BatchNorm nothing happens.

    Args:
        model: the network.
        batches: images ``[b, c, h, w]`` on its device.

    Raises:
        ValueError: if a batch leaves a BatchNorm one value per channel, which has no variance.
    """
    layers = [module for module in model.modules() if isinstance(module, BatchNorm) and module.track_running_stats]
    pools = {layer: _Pool() for layer in layers}
    if not pools:
        return
    modes = {module: module.training for module in model.modules()}
    model.eval()
    for layer in pools:
        # Normalizes by the batch, and leaves its buffers alone.
        layer.training, layer.track_running_stats = True, False
    hooks = [layer.register_forward_pre_hook(pool.add) for layer, pool in pools.items()]
    try:
        with torch.no_grad():
            for images in batches:
                model(images)
    finally:
        for hook in hooks:
            hook.remove()
        for layer in pools:
            layer.track_running_stats = True
        for module, training in modes.items():
            module.training = training
    for layer, pool in pools.items():
        layer.get_buffer("running_mean").copy_(pool.mean)
        layer.get_buffer("running_var").copy_(pool.squares - pool.mean**2)


def statistics_batches(images: Tensor, size: int) -> list[Tensor]:
    """Batches of which none is a single image, which has no variance."""
    batches = list(torch.split(images, max(size, 2)))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


class _Pool:
    """Mean and mean square per channel of all that a layer was given, ``[channels] float64``."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = self.squares = torch.zeros((), dtype=torch.float64)

    def add(self, layer: nn.Module, inputs: tuple[Tensor]) -> None:
        """Take a layer's input ``[b, channels, ...]`` into account."""
        values = inputs[0]
        moments = torch.var_mean(values, dim=[0, *range(2, values.ndim)], correction=0)
        variance, mean = (moment.double() for moment in moments)
        count = values.numel() // values.shape[1]
        self.count += count
        share = count / self.count
        self.mean = (1 - share) * self.mean + share * mean
        self.squares = (1 - share) * self.squares + share * (variance + mean**2)
