import errno
import os
import signal
import subprocess
import sys

import keras
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from zoo import models
from zoo.hub.checkpoint import Source, TensorFile, load_mapped, load_weights, save_weights, weight_names


def tiny(num_classes=5, seed=0, **overrides):
    keras.utils.set_random_seed(seed)
    arguments = {"block": "basic", "stem": "small", "stem_filters": 6, "dropout": 0.1, **overrides}
    model = models.ResNet((1, 1), (6, 10), num_classes, **arguments)
    model.build((None, None, None, 3))
    return model


def values(model):
    return {name: np.asarray(v) for name, v in weight_names(model).items()}


def assert_equal_weights(found, expected):
    assert found.keys() == expected.keys()
    for name in expected:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)


def test_names_are_the_layers_on_the_way():
    names = weight_names(tiny())
    assert names["stage2_block1.shortcut_conv.kernel"].path.endswith("stage2_block1/shortcut_conv/kernel")
    assert next(iter(names)) == "stem_conv1.kernel"
    assert list(names)[-2:] == ["head.kernel", "head.bias"]
    assert not any("seed" in name for name in names)


def test_names_do_not_change_inside_another_model():
    inner = models.ResNet((1,), (4,), 3, block="basic", stem="small", stem_filters=4)
    outer = keras.Sequential([keras.Input((8, 8, 3)), inner], name="outer")
    assert list(weight_names(inner)) == [n.removeprefix(f"{inner.name}.") for n in weight_names(outer)]


@pytest.mark.slow
def test_two_layers_of_one_name_are_refused():
    class Twins(keras.Model):
        def __init__(self):
            super().__init__()
            self.a, self.b = keras.layers.Dense(2, name="same"), keras.layers.Dense(2, name="same")

        def call(self, x):
            return self.b(self.a(x))

    model = Twins()
    model(np.ones((1, 2), "float32"))
    with pytest.raises(ValueError, match=r"found two for 'same\.kernel'"):
        weight_names(model)


def test_unbuilt_model_is_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a built model"):
        save_weights(keras.Sequential([keras.layers.Dense(2)]), tmp_path / "w.safetensors")


def test_round_trip_is_exact(tmp_path):
    first, second = tiny(seed=1), tiny(seed=2)
    save_weights(first, tmp_path / "w.safetensors", {"recipe": "none"})
    load_weights(second, tmp_path / "w.safetensors")
    assert_equal_weights(values(second), values(first))
    x = np.random.default_rng(0).normal(size=(2, 13, 9, 3)).astype("float32")
    np.testing.assert_array_equal(second(x), first(x))


def test_file_reads_with_the_safetensors_library(tmp_path):
    model = tiny()
    save_weights(model, tmp_path / "w.safetensors")
    header = int.from_bytes((tmp_path / "w.safetensors").read_bytes()[:8], "little")
    assert (8 + header) % 64 == 0  # where TensorFlow can take the tensors as they lie
    assert_equal_weights(load_file(tmp_path / "w.safetensors"), values(model))
    assert os.listdir(tmp_path) == ["w.safetensors"]


@pytest.mark.parametrize("aside", [0, 24])  # bytes, so that the file's tensors lie in memory as they may
@pytest.mark.parametrize(
    ("axes", "flip"), [(None, None), ((1, 0, 2), None), ((2, 0, 1), None), ((1, 0, 2), 0), (None, 1)]
)
def test_large_tensors_are_read_as_their_sources_say(axes, flip, aside, tmp_path):
    given = np.random.default_rng(0).normal(size=(70, 80, 90)).astype("float32")
    save_file({"given": given}, tmp_path / "one.safetensors", {"aside": "x" * aside})
    source = Source("given", axes, flip=flip)
    layer = keras.layers.Layer()
    expected = given if axes is None else given.transpose(axes)
    expected = expected if flip is None else np.flip(expected, flip)
    variable = layer.add_weight(shape=expected.shape, name="w")
    model = keras.Sequential([keras.Input((1,)), layer], name="m")
    with TensorFile(tmp_path / "one.safetensors") as tensors:
        load_mapped(model, tensors, {name: source for name in weight_names(model)})
    with open(tmp_path / "one.safetensors", "r+b") as file:
        file.write(bytes(given.nbytes))
    np.testing.assert_array_equal(variable, expected)
    variable.assign_add(np.ones(expected.shape, "float32"))  # its memory is its own
    np.testing.assert_array_equal(variable, expected + 1)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float64"])
def test_other_float_types_load_into_float32(dtype, tmp_path):
    model = tiny(seed=1)
    expected = {name: value.astype(dtype) for name, value in values(model).items()}
    save_file(expected, tmp_path / "w.safetensors")
    target = tiny(seed=2)
    load_weights(target, tmp_path / "w.safetensors")
    assert_equal_weights(values(target), {n: v.astype("float32") for n, v in expected.items()})


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_the_bytes_load_within_their_rounding(dtype, tmp_path):
    first, second = tiny(seed=1), tiny(seed=2)
    save_weights(first, tmp_path / "whole.safetensors")
    save_weights(first, tmp_path / "half.safetensors", dtype=dtype)
    half, whole = ((tmp_path / f"{name}.safetensors").stat().st_size for name in ("half", "whole"))
    assert half < 0.7 * whole
    load_weights(second, tmp_path / "half.safetensors")
    assert_equal_weights(values(second), {n: _rounded(v, dtype) for n, v in values(first).items()})


def _rounded(value, dtype):
    return value.astype(getattr(ml_dtypes, dtype, dtype)).astype("float32")


def test_weights_too_large_for_half_are_named(tmp_path):
    model = tiny()
    model.head.kernel.assign(model.head.kernel + 7e4)
    with pytest.raises(ValueError, match=r"dtype: .* that float16 can hold, found 7\d+.* in head.kernel"):
        save_weights(model, tmp_path / "w.safetensors", dtype="float16")
    with pytest.raises(ValueError, match="dtype: expected None or one of .* found 'int8'"):
        save_weights(model, tmp_path / "w.safetensors", dtype="int8")
    assert not os.listdir(tmp_path)


def test_mixed_types_round_trip(tmp_path):
    def build(seed):
        keras.utils.set_random_seed(seed)
        return keras.Sequential(
            [
                keras.Input((3,)),
                keras.layers.Dense(5, dtype="bfloat16", name="a"),
                keras.layers.Dense(1, name="b"),
            ]
        )

    first, second = build(1), build(2)
    save_weights(first, tmp_path / "w.safetensors")
    load_weights(second, tmp_path / "w.safetensors")
    assert_equal_weights(values(second), values(first))


def test_misfit_names_every_kind_and_changes_nothing(tmp_path):
    tensors = values(tiny(seed=1))
    tensors["head.kernel"] = np.zeros((10, 7), "float32")
    tensors["tail.kernel"] = np.zeros((2,), "float32")
    del tensors["stem_norm1.beta"]
    save_file(tensors, tmp_path / "w.safetensors")
    model = tiny(seed=2)
    before = values(model)
    with pytest.raises(ValueError, match="nothing was loaded") as error:
        load_weights(model, tmp_path / "w.safetensors")
    for part in (
        "1 missing in the file: stem_norm1.beta [6]",
        "1 unexpected in the file: tail.kernel [2]",
        "head.kernel: expected [10, 5], found [10, 7]",
    ):
        assert part in str(error.value)
    assert_equal_weights(values(model), before)


@pytest.mark.parametrize("num_classes", [3, None])
def test_skip_leaves_the_head(num_classes, tmp_path):
    source, target = tiny(seed=1), tiny(num_classes, seed=2)
    before = values(target)
    save_weights(source, tmp_path / "w.safetensors")
    load_weights(target, tmp_path / "w.safetensors", skip=("head.",))
    for name, value in values(target).items():
        expected = before if name.startswith("head.") else values(source)
        np.testing.assert_array_equal(value, expected[name])


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def cut_header(path):
    path.write_bytes(path.read_bytes()[:60])


def empty(path):
    path.write_bytes(b"")


def text(path):
    path.write_text("<html>not found</html>")


@pytest.mark.parametrize("damage", [cut, cut_header, empty, text])
def test_damaged_file_is_named_and_changes_nothing(damage, tmp_path):
    path, model = tmp_path / "w.safetensors", tiny()
    save_weights(model, path)
    damage(path)
    before = values(model)
    with pytest.raises(ValueError, match=r"w\.safetensors: expected a whole safetensors file"):
        load_weights(model, path)
    assert_equal_weights(values(model), before)


def test_missing_file_and_pickle_are_refused(tmp_path):
    with pytest.raises(ValueError, match="found none at"):
        load_weights(tiny(), tmp_path / "none.safetensors")
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK")
    with pytest.raises(ValueError, match="never read"):
        load_weights(tiny(), tmp_path / "pytorch_model.bin")


@pytest.fixture
def old_file(tmp_path):
    path = tmp_path / "w.safetensors"
    save_weights(tiny(seed=1), path)
    return path


def assert_untouched(path, before):
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


def test_file_size_limit_keeps_the_old_file(old_file):
    """A real write error half way: the system allows this process no file beyond 4 kB."""
    resource = pytest.importorskip("resource")
    model, before = tiny(seed=2), old_file.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OSError, match="unchanged: File too large"):
            save_weights(model, old_file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert_untouched(old_file, before)


def test_full_disk_at_sync_keeps_the_old_file(old_file, monkeypatch):
    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    model, before = tiny(seed=2), old_file.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        OSError, match=r"w\.safetensors was not written and the file there is unchanged: No space"
    ):
        save_weights(model, old_file)
    assert_untouched(old_file, before)


def test_kill_before_the_rename_keeps_the_old_file(old_file):
    before = old_file.read_bytes()
    code = (
        "import os, signal, sys\n"
        "from zoo.files import atomic_path\n"
        "os.replace = lambda *paths: os.kill(os.getpid(), signal.SIGKILL)\n"
        "with atomic_path(sys.argv[1]) as partial:\n"
        "    partial.write_bytes(bytes(9999))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(old_file)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert old_file.read_bytes() == before
    load_weights(tiny(), old_file)


PEAK = """
import re, sys
from zoo.hub.checkpoint import load_weights
from zoo.models import resnet50

def memory(key):
    with open("/proc/self/status") as file:
        return int(re.search(key + r":\\s+(\\d+)", file.read()).group(1)) * 1024

model = resnet50()
model.build((None, 224, 224, 3))
size = sum(v.numpy().nbytes for v in model.variables)
before = memory("VmRSS")
with open("/proc/self/clear_refs", "w") as file:
    file.write("5")  # the peak starts anew
load_weights(model, sys.argv[1])
print((size + memory("VmHWM") - before) / size, size)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")
def test_load_peaks_below_1_3_times_the_weights(tmp_path):
    model = models.resnet50()
    model.build((None, 224, 224, 3))
    save_weights(model, tmp_path / "w.safetensors")
    command = [sys.executable, "-c", PEAK, str(tmp_path / "w.safetensors")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    ratio, size = map(float, done.stdout.split())
    assert size > 100e6
    assert ratio <= 1.3, ratio


@pytest.mark.slow
def test_checkpoint_module_needs_no_tensorflow(tmp_path):
    code = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "import numpy as np, keras, zoo.hub.foreign\n"
        "from zoo.hub.checkpoint import load_weights, save_weights\n"
        "make = lambda: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name='head')])\n"
        "a, b = make(), make()\n"
        "save_weights(a, sys.argv[1]); load_weights(b, sys.argv[1])\n"
        "assert (np.asarray(a.weights[0]) == np.asarray(b.weights[0])).all()\n"
    )
    pytest.importorskip("jax")
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "w.safetensors")], env=environment, check=True)
