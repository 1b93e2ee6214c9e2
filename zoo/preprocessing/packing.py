"""Documents of tokens to rows of one length: no padding, no attention across documents, next-token targets.

Shapes: M tokens of all documents, B batch, L tokens of a row.
"""

import numpy as np
import tensorflow as tf


def token_stream(documents, end_id, prompts=None):
    """All documents one after the other, the end-of-text token before each and after the last.

    A document begins with that token, as a text does that is generated from nothing.

    Args:
        documents: a list of lists of ids.
        end_id: the end-of-text token.
        prompts: what stands before each document without being a target, lists of ids; None for nothing.

    Returns: ids int32 [M], number of the document int32 [M], whether the token is a target, bool [M].

    Example:
        >>> ids, document, wanted = token_stream([[7, 8], [9]], end_id=0, prompts=[[5], []])
        >>> ids.tolist(), document.tolist(), wanted.astype(int).tolist()
        ([0, 5, 7, 8, 0, 9, 0], [0, 0, 0, 0, 1, 1, 1], [1, 0, 1, 1, 1, 1, 1])
    """
    prompts = prompts or [[]] * len(documents)
    whole = [[end_id, *prompt, *text] for prompt, text in zip(prompts, documents, strict=True)]
    whole[-1].append(end_id)
    lengths = np.array([len(row) for row in whole])
    ids = np.concatenate([np.asarray(row, "int32") for row in whole])
    document = np.repeat(np.arange(len(whole), dtype="int32"), lengths)
    places = np.arange(len(ids)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    skipped = np.repeat([len(prompt) for prompt in prompts], lengths)
    return ids, document, (places == 0) | (places > skipped)


def packed_rows(stream, length, batch_size, shuffle=False, drop_remainder=False):
    """A tf.data.Dataset of batches (inputs, targets, weights), all [B, L].

    Inputs are "token_ids", int32, and with more than one document "text_ids", which numbers the documents of
    a row from 1 on (0 is padding) for `zoo.layers.packed_mask`, and "positions" within the document. The
    target of a position is the next token; its weight is 0 where that is unwanted or beyond the end.

    Args:
        stream: what `token_stream` gives; memory maps do too.
        length: L.
        batch_size: B.
        shuffle: draw where rows begin and their order when a pass begins, from NumPy's random state.
        drop_remainder: leave out the last rows, where they do not fill a batch.
    """
    ids, documents, _ = stream
    tokens = len(ids) - 1
    rows = max(1, tokens // length) if shuffle else -(-tokens // length)
    slack = max(1, tokens - rows * length + 1)
    batches = rows // batch_size if drop_remainder and rows >= batch_size else -(-rows // batch_size)
    several = int(documents[-1]) > 0

    def draw():
        order, offset = np.arange(rows), 0
        if shuffle:
            # The state that the run sets from its seed and the epoch.
            order = np.random.permutation(rows)  # noqa: NPY002
            offset = np.random.randint(slack)  # noqa: NPY002
        for batch in range(batches):
            chosen = order[batch * batch_size : (batch + 1) * batch_size]
            yield _cut(stream, chosen * length + offset, length, several)

    ints = tf.TensorSpec((None, length), "int32")
    names = ("token_ids", "text_ids", "positions") if several else ("token_ids",)
    signature = ({name: ints for name in names}, ints, tf.TensorSpec((None, length), "float32"))
    data = tf.data.Dataset.from_generator(draw, output_signature=signature)
    return data.apply(tf.data.experimental.assert_cardinality(batches)).prefetch(4)


def _cut(stream, begins, length, several):
    """The rows that begin at `begins`, int [B], of L tokens and their targets."""
    ids, documents, wanted = stream
    places = begins[:, None] + np.arange(length + 1)  # [B, L + 1]
    inside = places < len(ids)
    places = np.minimum(places, len(ids) - 1)
    tokens, document = np.asarray(ids[places], "int32"), documents[places]
    weights = (inside & wanted[places])[:, 1:].astype("float32")
    inputs = {"token_ids": tokens[:, :-1]}
    if several:
        document = document[:, :-1]
        inputs["text_ids"] = ((document - document[:, :1] + 1) * inside[:, :-1]).astype("int32")
        steps = np.broadcast_to(np.arange(length, dtype="int32"), document.shape)
        first = np.diff(document, axis=1, prepend=document[:, :1]) > 0
        inputs["positions"] = steps - np.maximum.accumulate(np.where(first, steps, 0), axis=1)
    return inputs, tokens[:, 1:], weights
