"""Low-rank adaptation (arXiv:2106.09685): train two thin matrices beside each frozen kernel, then merge them.

W' = W + (alpha / rank) A B with A [D, rank], B [rank, D'], B zero at first.
"""

import keras


def enable_lora(network, rank, alpha=None):
    """Freezes `network` and gives every dense layer in it a low-rank change that trains.

    Args:
        network: a built layer or model.
        rank: of the change.
        alpha: its scale times `rank`; `rank` by default.

    Returns: how many layers got one.

    Raises: ValueError where there is no dense layer, or one that has a change already.

    Example:
        >>> network = zoo.models.Bert(10, 8, num_layers=1, num_heads=2)
        >>> network.build()
        >>> enable_lora(network, rank=2), sum(v.trainable for v in network.variables)
        (5, 10)
    """
    if rank < 1:
        raise ValueError(f"lora: expected a rank of at least 1, found {rank}")
    layers = dense_layers(network)
    if not layers:
        raise ValueError("lora: expected a network with dense layers, found none")
    if any(layer.lora_enabled for layer in layers):
        raise ValueError("lora: expected a network without low-rank changes, found some; merge them first")
    network.trainable = False
    for layer in layers:
        layer.trainable = True
        layer.enable_lora(rank, lora_alpha=alpha)
        if layer.bias is not None:
            layer.bias.trainable = False
    return len(layers)


def merge_lora(network):
    """Adds the low-rank changes to the kernels and removes them; everything trains again.

    Example:
        >>> network = zoo.models.Bert(10, 8, num_layers=1, num_heads=2)
        >>> network.build()
        >>> count = len(network.variables)
        >>> _ = enable_lora(network, rank=2)
        >>> merge_lora(network), len(network.variables) == count
        (5, True)
    """
    merged = 0
    for layer in dense_layers(network):
        if not layer.lora_enabled:
            continue
        kernel = keras.ops.convert_to_tensor(layer.kernel)  # with its change
        layer._tracker.unlock()
        layer.lora_enabled, layer.lora_rank = False, None
        layer._kernel.assign(kernel)
        for name in ("lora_kernel_a", "lora_kernel_b"):
            layer._untrack_variable(getattr(layer, name))
            delattr(layer, name)
        layer._tracker.lock()
        merged += 1
    network.trainable = True
    for layer in dense_layers(network):
        layer._kernel.trainable = True
        if layer.bias is not None:
            layer.bias.trainable = True
    return merged


def dense_layers(network):
    """The dense layers in a network."""
    found = network._flatten_layers(include_self=True, recursive=True)
    return [layer for layer in found if isinstance(layer, keras.layers.Dense)]
