"""Complexity measures of norms and margins (Jiang et al. 2020; Dziugaite et al. 2020), with BatchNorm folded."""

import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn
from torch.nn.functional import one_hot
from torch.nn.utils import skip_init
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from badminima.config.options import ComplexityOptions
from badminima.diagnostics.context import Context, Skipped
from badminima.experiment.measured import of_tensor

Layer = nn.Conv2d | nn.Linear

# Below this share of the largest entry so far, a bidiagonalization in 32-bit floats has run out of directions.
EXHAUSTED = 1e-6


def measure(context: Context) -> dict[str, float]:
    """Measures of Jiang et al. 2020 (arXiv 1912.02178, appendix C) and Liang et al. 2019, of the folded network.

    Its ``d`` layers are all convolutions and linear layers after :func:`fold_batchnorm`, those of shortcuts and the
    channelwise ones that DenseNet's BatchNorms become included. ``W_i`` are weights, without biases; ``f`` logits;
    ``gamma`` the margin. Logits are those of the training sample, with its true labels; logarithms are natural. The
    definitions are those of Dziugaite et al.'s published code, there numbered 22, 31 to 39 and 42 to 44, before its
    adjustment for the number of images ``m`` (``sqrt(C / m)``); Fisher-Rao is not in it.

    - ``complexity.parameter_norm``: ``sum_i |W_i|_F^2``.
    - ``complexity.log_product_K``: ``sum_i log |W_i|^2``, and ``complexity.log_sum_K``: the logarithm of
      ``d (prod_i |W_i|^2)^(1/d)``, with ``K`` for the norm: ``frobenius``; ``spectral``, the operator norm (for a
      convolution that of the linear map on the images it sees, with its stride and zero padding); or
      ``spectral_reshaped``, the largest singular value of ``[out, in * kh * kw]``.
      Minus infinity if a layer is zero (null on disk).
    - ``complexity.margin``: the 10th percentile of ``f(x)[y] - max_{j != y} f(x)[j]``.
    - ``complexity.inverse_margin``: ``1 / gamma^2``.
    - ``complexity.log_product_K_over_margin``, ``complexity.log_sum_K_over_margin``: with
      ``prod_i |W_i|^2 / gamma^2`` in place of the product, for the sum inside the power ``1/d``.
    - ``complexity.path_norm``: the sum of the outputs, for an image of ones, of the network with all weights and
      biases squared; ``complexity.log_path_norm``; ``complexity.log_path_norm_over_margin``: divided by ``gamma^2``.
    - ``complexity.fisher_rao``: ``d^2 mean_x <grad_f loss, f>^2`` for the cross entropy; see :func:`fisher_rao`.
    - ``complexity.spectral@layer``: the operator norm of one layer, not squared.

    Those with the margin are NaN where it is not positive: then they bound nothing. (The published code takes its
    absolute value.)

    For residual and dense networks (ResNet, DenseNet) two kinds are numbers without their theory. Products and sums
    of norms bound the Lipschitz constant of a chain; of layers side by side (a skip connection, a concatenation)
    they bound nothing, and a residual branch of zeros, which does no harm, makes them zero. And Fisher-Rao's factor
    ``d^2`` supposes that outputs are homogeneous of degree ``d`` in the weights, which paths of different lengths
    break, as biases do. Both still compare networks of one architecture. The parameter norm, the margin and the path
    norm, a sum over the paths of any acyclic graph, are well defined for all; but the weights of an average pooling
    enter the path norm as they are, not squared, and of a max-pooling only the largest input does.
    """
    sample = context.train
    with torch.no_grad():
        logits = context.network.logits(sample.images).double()
        folded = fold_batchnorm(context.network.model)
        iterations = context.options("complexity", ComplexityOptions).iterations
        norms = layer_norms(folded, sample.images[:1], iterations, context.generator("complexity"))
        path = path_norm(folded, sample.images.shape[1:])
    depth = len(norms)
    gamma = margin(logits, sample.labels)
    log_squared_margin = 2 * math.log(gamma) if gamma > 0 else math.nan
    measured = {
        "complexity.parameter_norm": sum(layer.frobenius**2 for layer in norms.values()),
        "complexity.margin": gamma,
        "complexity.inverse_margin": math.exp(-log_squared_margin),
        "complexity.path_norm": path,
        "complexity.log_path_norm": _log(path),
        "complexity.log_path_norm_over_margin": _log(path) - log_squared_margin,
        "complexity.fisher_rao": fisher_rao(logits, sample.labels, depth),
    }
    for kind in ("frobenius", "spectral", "spectral_reshaped"):
        log_product = 2 * sum(_log(getattr(layer, kind)) for layer in norms.values())
        for suffix, value in (("", log_product), ("_over_margin", log_product - log_squared_margin)):
            measured[f"complexity.log_product_{kind}{suffix}"] = value
            measured[f"complexity.log_sum_{kind}{suffix}"] = math.log(depth) + value / depth
    return measured | {of_tensor("complexity.spectral", name): layer.spectral for name, layer in norms.items()}


@dataclass(frozen=True)
class LayerNorms:
    """Norms of one layer's weights: Frobenius, as a linear map, and as a matrix ``[out, in * kh * kw]``."""

    frobenius: float
    spectral: float
    spectral_reshaped: float


def layer_norms(model: nn.Module, image: Tensor, iterations: int, generator: torch.Generator) -> dict[str, LayerNorms]:
    """Return the norms of each convolution and linear layer, by its name.

    Args:
        model: a network without BatchNorm.
        image: ``[1, c, h, w]``, for the shapes of what layers are given.
        iterations, generator: for :func:`convolution_norm`.
    """
    layers = {name: layer for name, layer in model.named_modules() if isinstance(layer, Layer)}
    shapes = input_shapes(model, layers, image)
    norms = {}
    for name, layer in layers.items():
        reshaped = reshaped_norm(layer)
        spectral = reshaped
        if isinstance(layer, nn.Conv2d) and not (layer.kernel_size == (1, 1) and layer.padding == (0, 0)):
            spectral = convolution_norm(layer, shapes[name], iterations, generator)
        norms[name] = LayerNorms(float(layer.weight.detach().double().norm()), spectral, reshaped)
    return norms


def input_shapes(model: nn.Module, layers: Mapping[str, nn.Module], image: Tensor) -> dict[str, torch.Size]:
    """Return the shape of what each layer is given for ``image [1, c, h, w]``, by the layer's name."""
    shapes: dict[str, torch.Size] = {}

    def note(name: str) -> Callable[[nn.Module, tuple[Tensor]], None]:
        return lambda layer, inputs: shapes.update({name: inputs[0].shape})

    with ExitStack() as hooks:
        for name, layer in layers.items():
            hooks.enter_context(layer.register_forward_pre_hook(note(name)))
        model(image)
    return shapes


def reshaped_norm(layer: Layer) -> float:
    """Largest singular value of a layer's weights as a matrix ``[out, in * kh * kw]``.

    That of a convolution in groups has a block for each group and zeros elsewhere, so it is the largest of theirs.
    For a linear layer, and a 1x1 convolution without padding, it is the norm of the linear map too.
    """
    groups = layer.groups if isinstance(layer, nn.Conv2d) else 1
    blocks = layer.weight.detach().double().reshape(groups, layer.weight.shape[0] // groups, -1)
    if blocks.shape[1] > blocks.shape[2]:
        blocks = blocks.mT
    # Eigenvalues of W W^T: for a large kernel many times as fast as its singular values. Of a matrix as small as this
    # a CPU finds them as fast as a GPU.
    return float(torch.linalg.eigvalsh((blocks @ blocks.mT).cpu()).max().clamp(min=0).sqrt())


def convolution_norm(layer: nn.Conv2d, shape: torch.Size, iterations: int, generator: torch.Generator) -> float:
    """Largest singular value of the linear map of a convolution, with its stride and padding; see ``operator_norm``.

    Args:
        layer: the convolution; its bias is left out.
        shape: of what it is given, ``[1, c, h, w]``.
        iterations: products with the map and with its transpose.
        generator: draws the start vector, on the CPU.
    """
    linear = deepcopy(layer).requires_grad_(False)
    linear.bias = None
    return operator_norm(linear, torch.randn(shape, generator=generator).to(layer.weight), iterations)


def operator_norm(linear: Callable[[Tensor], Tensor], start: Tensor, iterations: int) -> float:
    """Largest singular value of a linear map: power iteration that makes use of all its iterates.

    Golub-Kahan-Lanczos bidiagonalization (Golub and Kahan 1965): on the span of power iteration's iterates the map
    is a bidiagonal matrix, whose largest singular value is a lower bound of the map's, and never a worse one than
    power iteration's at the same cost.

    Args:
        linear: the map; torch differentiates it for its transpose.
        start: a random tensor that ``linear`` takes, to start from.
        iterations: products with the map and with its transpose.
    """
    right = start / start.norm()
    output, transpose = torch.func.vjp(linear, right)[:2]
    left = torch.zeros_like(output)
    diagonal: list[Tensor] = []
    above = [torch.zeros_like(right.sum())]
    # Nothing here waits for the device. What follows the last direction is divided by zero, and cut off below.
    for _ in range(iterations):
        left = linear(right) - above[-1] * left
        diagonal.append(left.norm())
        left = left / diagonal[-1]
        right = transpose(left)[0] - diagonal[-1] * right
        above.append(right.norm())
        right = right / above[-1]
    entries, beside = torch.stack(diagonal).double().cpu(), torch.stack(above[1:]).double().cpu()
    exhausted = torch.fmin(entries, beside) <= EXHAUSTED * entries.cummax(0).values
    size = int(exhausted.nonzero()[0]) + 1 if exhausted.any() else iterations
    bidiagonal = entries[:size].diag() + beside[: size - 1].diag(1)
    return float(torch.linalg.matrix_norm(bidiagonal, 2))


def margin(logits: Tensor, labels: Tensor) -> float:
    """Return the 10th percentile (linear interpolation) of ``f(x)[y] - max_{j != y} f(x)[j]``.

    Args:
        logits: ``f [n, classes]``.
        labels: ``y [n] int64``.
    """
    own = one_hot(labels, logits.shape[1]).bool()
    margins = logits[own] - logits.masked_fill(own, -math.inf).amax(1)
    return float(margins.quantile(0.1))


def path_norm(model: nn.Module, shape: torch.Size) -> float:
    """Path norm as Jiang et al. compute it (appendix C): ``sum_k f_{w^2}(1)[k]``.

    The outputs, for an image of ones of ``shape (c, h, w)``, of a ReLU network without BatchNorm whose weights and
    biases are squared. Of a chain of linear layers without biases: the sum over all paths from an input to an output
    of the product of squared weights. In 64-bit floats: that of a deep network may be too large for 32 bits.
    """
    squared = deepcopy(model).double()
    for parameter in squared.parameters():
        parameter.data.square_()
    ones = torch.ones(1, *shape, dtype=torch.float64, device=next(squared.parameters()).device)
    with torch.no_grad():
        return float(squared(ones).sum())


def fisher_rao(logits: Tensor, labels: Tensor, depth: int) -> float:
    """Fisher-Rao norm in the closed form of Liang et al. 2019 (arXiv 1711.01530), for the cross entropy.

    ``depth^2 mean_x <grad_f loss, f(x)>^2``, where ``<grad_f loss, f> = sum_j (softmax(f)[j] - [j = y]) f[j]``.

    Of a ReLU network of ``depth`` weight layers, one after the other and without biases, ``<w, grad_w loss>`` is
    ``depth <grad_f loss, f>``, and this is ``w^T F w`` with the empirical Fisher matrix
    ``F = mean_x grad_w loss grad_w loss^T`` (the data's labels, not ones drawn from the model). Biases, folded
    BatchNorms' included, and skip connections break that identity; the closed form is then a definition.

    Args:
        logits: ``f [n, classes]``.
        labels: ``y [n] int64``.
        depth: number of weight layers, the papers' ``L + 1``.
    """
    residual = logits.softmax(1) - one_hot(labels, logits.shape[1])
    return depth**2 * float((residual * logits).sum(1).square().mean())


def _log(value: float) -> float:
    """Natural logarithm; minus infinity for zero."""
    return float(torch.tensor(value, dtype=torch.float64).log())


def fold_batchnorm(model: nn.Module) -> fx.GraphModule:
    """Return a copy in evaluation mode whose BatchNorms are part of its convolutions and linear layers.

    With ``s = gamma / sqrt(running_var + eps)`` per channel, a BatchNorm that directly follows a layer of weights
    ``W`` and bias ``b`` (and is the only one to use its output) makes of it a layer of weights ``s W`` and bias
    ``s (b - running_mean) + beta``. One that follows something else, as in DenseNet, where a concatenation is
    normalized, becomes a 1x1 convolution of each channel by itself with weight ``s`` and bias
    ``beta - s running_mean``. Layers keep their names; such a convolution has the name of its BatchNorm.

    Args:
        model: a network that ``torch.fx`` can trace; not changed.

    Returns:
        The copy, on the same device. Its outputs are those of the model in evaluation mode, up to rounding.

    Raises:
        Skipped: if it has a BatchNorm of vectors that does not follow a linear layer, or a GroupNorm, which depends
            on each image.
    """
    if any(isinstance(module, nn.GroupNorm) for module in model.modules()):
        raise Skipped("GroupNorm depends on each image, so it cannot be folded")
    # Not torch.fx.experimental.optimization.fuse: it leaves the BatchNorms after a concatenation as they are.
    folded = fx.symbolic_trace(deepcopy(model).eval())
    for node in list(folded.graph.nodes):
        norm = _module_of(folded, node)
        if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
            continue
        before = node.args[0]
        layer = _module_of(folded, before)
        if isinstance(layer, nn.Conv2d | nn.Linear) and len(before.users) == 1:
            fused = fuse_conv_bn_eval(layer, norm) if isinstance(layer, nn.Conv2d) else fuse_linear_bn_eval(layer, norm)
            folded.set_submodule(before.target, fused)
            node.replace_all_uses_with(before)
            folded.graph.erase_node(node)
        elif isinstance(norm, nn.BatchNorm2d):
            folded.set_submodule(node.target, _channelwise(norm))
        else:
            raise Skipped(f"BatchNorm {node.target} does not follow a linear layer, so it cannot be folded")
    folded.delete_all_unused_submodules()
    folded.recompile()
    return folded


def _module_of(model: nn.Module, node: fx.Node) -> nn.Module | None:
    """Return the module that a node of a graph calls; None if it calls something else."""
    return model.get_submodule(str(node.target)) if node.op == "call_module" else None


def _channelwise(norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return a BatchNorm in evaluation mode as a convolution."""
    channels = norm.num_features
    # Without an initialization, which would draw from torch's global generator.
    identity: nn.Conv2d = skip_init(nn.Conv2d, channels, channels, 1, groups=channels, bias=False)  # type: ignore[no-untyped-call]
    nn.init.ones_(identity.weight)
    return fuse_conv_bn_eval(identity.to(next(norm.buffers()).device).eval(), norm)
