"""Rotary position embedding (arXiv:2104.09864), halves rotated against each other as Llama does.

Shapes: B batch, H heads, T time, D width of a head (even).
"""

from keras import ops


def rotate(x, positions, base=10000.0):
    """Turns the pair (x[i], x[i + D/2]) by the angle position * base^(-2 i / D).

    Args:
        x: float [B, H, T, D].
        positions: int [T] or [B, T].
        base: wavelengths grow up to 2 pi base.

    Example:
        >>> rotate(np.ones((1, 2, 5, 4), "float32"), np.arange(5)).shape
        (1, 2, 5, 4)
    """
    half = x.shape[-1] // 2
    frequencies = ops.convert_to_tensor([base ** (-i / half) for i in range(half)], dtype="float32")
    angles = ops.cast(positions, "float32")[..., None] * frequencies  # [T, D/2] or [B, T, D/2]
    if len(angles.shape) == 3:
        angles = angles[:, None]  # [B, 1, T, D/2]
    cos, sin = ops.cast(ops.cos(angles), x.dtype), ops.cast(ops.sin(angles), x.dtype)
    first, second = x[..., :half], x[..., half:]
    return ops.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)
