"""A network without BatchNorm that computes the same."""

from copy import deepcopy

from torch import fx, nn
from torch.nn.utils import skip_init
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from badminima.diagnostics.context import Skipped


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
