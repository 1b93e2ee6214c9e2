"""The battery every application goes through: one check a claim, on raw data.

    @pytest.mark.parametrize("check", application_battery.CHECKS, ids=battery.claim)
    def test_application(check, tmp_path): check(make, x, y, tmp_path)

`make()` gives an untrained application, the same one every time; x and y are real raw examples.
"""

import json

import keras
import numpy as np
import tensorflow as tf


def config_round_trip(make, x, y, folder):
    app = make()
    config = json.loads(json.dumps(app.get_config()))
    assert json.loads(json.dumps(type(app).from_config(config).get_config())) == config


def saved_file_gives_the_same_answers(make, x, y, folder):
    app = make()
    app.save(folder / "app.keras")
    np.testing.assert_array_equal(type(app).from_pretrained(folder / "app.keras").predict(x), app.predict(x))


def pretrained_folder_gives_the_same_answers(make, x, y, folder):
    app = make()
    app.save_pretrained(folder / "app")
    np.testing.assert_array_equal(type(app).from_pretrained(folder / "app").predict(x), app.predict(x))


def narrow_floats_stay_close(make, x, y, folder):
    app = make()
    app.save_pretrained(folder / "app")
    for precision in ("mixed_bfloat16", "mixed_float16"):
        narrow = type(app).from_pretrained(folder / "app", precision=precision)
        assert narrow.model.compute_dtype == precision.removeprefix("mixed_")
        np.testing.assert_allclose(narrow.predict(x), app.predict(x), atol=0.02)


def any_batch_size_gives_the_same_answers(make, x, y, folder):
    app = make()
    expected = app.predict(x)
    for size in (1, 3, len(x) + 1):
        np.testing.assert_allclose(app.predict(x, batch_size=size), expected, atol=1e-5)


def xla_equals_plain(make, x, y, folder):
    app = make()
    batch = next(iter(app.inference_data(x, labelled=False)))
    compiled = tf.function(lambda b: app(b, training=False), jit_compile=True)
    np.testing.assert_allclose(compiled(batch), app(batch, training=False), atol=2e-5)


def every_trainable_variable_gets_a_gradient(make, x, y, folder):
    app = make()
    for variable in app.trainable_variables:  # a zero-initialized scale would hide what lies behind it
        if variable.name == "gamma":
            variable.assign(np.ones(variable.shape))
    app.compile()
    batch, targets, *_ = next(iter(app.inference_data(x, y)))
    with tf.GradientTape() as tape:
        loss = app.compute_loss(batch, targets, app(batch, training=True))
    variables = app.trainable_variables
    gradients = tape.gradient(loss, [variable.value for variable in variables])
    for variable, gradient in zip(variables, gradients, strict=True):
        assert gradient is not None, variable.path
        assert float(tf.reduce_max(tf.abs(gradient))) > 0, variable.path


def loss_goes_down_on_real_data(make, x, y, folder):
    app = make()
    app.compile(optimizer=keras.optimizers.Adam(1e-2), augment={})
    losses = app.fit(x, y, batch_size=16, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < 0.9 * losses[0]


def savedmodel_equals_predict(make, x, y, folder):
    app = make()
    app.export(folder / "served")
    loaded = tf.saved_model.load(str(folder / "served"))
    for name, (raw, expected) in app.export_example().items():
        raw = {key: tf.constant(value) for key, value in raw.items()} if isinstance(raw, dict) else raw
        signature = loaded.signatures[name]
        outputs = signature(**raw) if isinstance(raw, dict) else signature(tf.constant(raw))
        for key, values in expected.items():
            np.testing.assert_allclose(outputs[key], values, atol=1e-5)


CHECKS = (
    config_round_trip,
    saved_file_gives_the_same_answers,
    pretrained_folder_gives_the_same_answers,
    narrow_floats_stay_close,
    any_batch_size_gives_the_same_answers,
    xla_equals_plain,
    every_trainable_variable_gets_a_gradient,
    loss_goes_down_on_real_data,
    savedmodel_equals_predict,
)
SLOW = (loss_goes_down_on_real_data, savedmodel_equals_predict)  # conftest.py marks them
