import numpy as np

from zoo.preprocessing.packing import packed_rows, token_stream

DOCUMENTS = [list(range(10, 17)), [20, 21, 22], list(range(30, 45))]


def test_every_token_is_a_target_once():
    stream = token_stream(DOCUMENTS, end_id=0)
    found = []
    for _, targets, weights in packed_rows(stream, 6, 2):
        found += targets.numpy()[weights.numpy() > 0].tolist()
    assert found == stream[0][1:].tolist()
    assert [token for token in found if token] == [token for row in DOCUMENTS for token in row]


def test_positions_and_text_ids_begin_anew_with_each_document():
    stream = token_stream(DOCUMENTS, end_id=0)
    inputs, _, _ = next(iter(packed_rows(stream, 14, 1)))
    assert inputs["token_ids"][0].numpy().tolist() == [0, *DOCUMENTS[0], 0, *DOCUMENTS[1], 0, 30]
    assert inputs["text_ids"][0].numpy().tolist() == [1] * 8 + [2] * 4 + [3] * 2
    assert inputs["positions"][0].numpy().tolist() == [*range(8), *range(4), 0, 1]


def test_what_lies_beyond_the_end_is_padding():
    inputs, _, weights = list(packed_rows(token_stream(DOCUMENTS, 0), 20, 1))[-1]
    real = (len(DOCUMENTS[0]) + len(DOCUMENTS[1]) + len(DOCUMENTS[2]) + 3) % 20
    assert weights.numpy().sum() == real
    assert (inputs["text_ids"][0].numpy()[real + 1 :] == 0).all()


def test_a_pass_draws_another_offset_and_order_from_the_random_state():
    stream = token_stream([list(range(1, 200))], end_id=0)
    data = packed_rows(stream, 8, 4, shuffle=True, drop_remainder=True)

    def rows(seed):
        np.random.seed(seed)  # noqa: NPY002
        return np.concatenate([inputs["token_ids"].numpy() for inputs, *_ in data])

    first, again, other = rows(0), rows(0), rows(1)
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert len(set(first[:, 0].tolist())) == len(first)
    assert int(data.cardinality()) == 24 // 4
