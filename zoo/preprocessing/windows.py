"""Long contexts cut into overlapping windows beside their question, as TensorFlow ops.

Shapes: N examples, S windows of all examples, T time, W words, P pieces.
"""

from typing import NamedTuple

import tensorflow as tf


class Windows(NamedTuple):
    """Windows of N contexts.

    questions, contexts: ids int32 [S, (P)], ragged: the parts of each window.
    example: int64 [S], whose window it is.
    begin: int64 [S], number of its first piece in the context.
    offset: int64 [S], position of that piece in the row of the window: behind [CLS] question [SEP].
    first_piece: int64 [N], where the pieces of each context begin in the flat fields that follow.
    is_first, is_last: bool [P of all contexts], whether a piece begins and ends a word.
    begins, ends: int32 [P of all contexts], where the word of a piece stands, in characters of the context.
    """

    questions: tf.RaggedTensor
    contexts: tf.RaggedTensor
    example: tf.Tensor
    begin: tf.Tensor
    offset: tf.Tensor
    first_piece: tf.Tensor
    is_first: tf.Tensor
    is_last: tf.Tensor
    begins: tf.Tensor
    ends: tf.Tensor


def context_windows(tokenizer, questions, contexts, max_length, stride, max_question):
    """Questions and contexts, strings [N], to `Windows`.

    Args:
        tokenizer: a `zoo.preprocessing.WordPiece`.
        questions, contexts: strings [N].
        max_length: of a row, in tokens; 3 of them are [CLS] and [SEP].
        stride: pieces that a window shares with the one before; less where a long question leaves no room.
        max_question: pieces of a question that are kept.
    """
    questions = tokenizer.in_graph(questions)[:, :max_question]
    words = tokenizer.words_in_graph(contexts)
    pieces = words.ids.merge_dims(1, 2)  # [N, (P)]
    count, taken = pieces.row_lengths(), questions.row_lengths()
    room = max_length - 3 - taken
    shared = tf.minimum(tf.cast(stride, "int64"), room // 2)
    step = room - shared
    windows = tf.maximum((count - shared + step - 1) // step, 1)  # [N]
    example = tf.repeat(tf.range(pieces.nrows()), windows)
    begin = tf.ragged.range(windows).flat_values * tf.gather(step, example)
    length = tf.minimum(tf.gather(room, example), tf.gather(count, example) - begin)
    first = pieces.row_starts()
    places = tf.gather(first, example) + begin
    by_word = words.ids.values  # [W, (P)]
    word = by_word.value_rowids()  # [P]
    before, after = tf.concat([[-1], word], 0), tf.concat([word, [-1]], 0)
    is_first, is_last = before[:-1] != before[1:], after[:-1] != after[1:]
    return Windows(
        tf.gather(questions, example),
        tf.gather(pieces.flat_values, tf.ragged.range(places, places + length)),
        example,
        begin,
        tf.gather(taken, example) + 2,
        first,
        is_first,
        is_last,
        tf.gather(words.begins.flat_values, word),
        tf.gather(words.ends.flat_values, word),
    )
