import ast
import os
import pathlib
import subprocess
import sys
import textwrap

import pytest

ROOT = pathlib.Path(__file__).parents[1]
LEVELS = (
    {"files", "kernels"},
    {"hub", "losses", "metrics", "layers"},
    {"models", "preprocessing", "decoding", "training", "export", "datasets"},
    {"applications"},
)
LEVEL = {room: level for level, rooms in enumerate(LEVELS) for room in rooms}
FORBIDDEN = {("preprocessing", "hub")}  # preprocessing never sees weights
FILES = sorted([*ROOT.glob("zoo/**/*.py"), *ROOT.glob("applications/**/*.py")])


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def room_of(path):
    """The room a file belongs to; "" for `zoo/__init__.py`."""
    first, *rest = path.relative_to(ROOT).parts
    if first == "applications":
        return "applications"
    return "" if rest == ["__init__.py"] else rest[0].removesuffix(".py")


def imports(node, top_level_only=False):
    """Dotted names that a module imports when it runs; what only a type checker reads is left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (alias.name for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "relative import"
            yield from (f"{child.module}.{alias.name}" for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
            yield from (name for other in child.orelse for name in imports(other, top_level_only))
        elif not (top_level_only and isinstance(child, ast.FunctionDef)):
            yield from imports(child, top_level_only)


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_imports_run_downward(path):
    room = room_of(path)
    for name in imports(ast.parse(path.read_text())):
        top, *rest = name.split(".")
        assert top not in ("tests", "benchmarks", "battery")
        if top != "zoo" or not rest or rest[0] == room or rest[0] not in LEVEL:
            continue
        assert room in LEVEL, f"zoo/__init__.py imports {name}: rooms load on first use"
        assert LEVEL[rest[0]] < LEVEL[room], f"{room} imports {name}, which is not below it"
        assert (room, rest[0]) not in FORBIDDEN, f"{room} imports {name}"


@pytest.mark.parametrize(
    "path", [p for p in FILES if room_of(p) in ("kernels", "layers", "models")], ids=name_of
)
def test_only_the_kernels_own_files_import_tensorflow(path):
    tree = ast.parse(path.read_text())
    if not path.stem.endswith("_tensorflow"):
        assert not [name for name in imports(tree) if name.startswith("tensorflow")]
        assert not [name for name in imports(tree, top_level_only=True) if "_tensorflow" in name]


def test_every_room_has_a_level():
    rooms = {room_of(path) for path in FILES} - {""}
    assert rooms <= set(LEVEL)


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_import_zoo_is_fast_and_loads_neither_tensorflow_nor_keras():
    code = """
        import time
        begin = time.perf_counter()
        import zoo
        seconds = time.perf_counter() - begin
        import sys
        assert "layers" in dir(zoo)
        assert not {"tensorflow", "keras", "jax", "numpy"} & set(sys.modules)
        print(seconds)
    """
    runs = [run_python(code) for _ in range(3)]
    assert [run.stderr for run in runs] == [""] * 3
    assert min(float(run.stdout) for run in runs) < 0.3


WITHOUT_TENSORFLOW = """
    import importlib.util
    import sys
    sys.modules["tensorflow"] = None  # any import of it raises ModuleNotFoundError
    import keras
    import numpy as np
    import zoo
    assert keras.backend.backend() == "jax"
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 9, 7, 1)).astype("float32"), np.arange(8) % 3
    model = zoo.models.{model}
    if "Bert" in type(model).__name__:
        x = rng.integers(0, 20, (8, 6))
    model.compile(
        keras.optimizers.SGD(0.05, momentum=0.9), keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    losses = model.fit(x, y, batch_size=8, epochs=6, verbose=0).history["loss"]
    assert losses[-1] < losses[0] - 0.1, losses
    assert zoo.layers.BatchNorm()(np.ones((2, 3), "float32")).shape == (2, 3)
    assert not [name for name in sys.modules if name.split(".")[0] == "tensorflow" and sys.modules[name]]
"""


@pytest.mark.parametrize(
    "model",
    [
        "resnet20(num_classes=3, stage_blocks=(1,), stage_filters=(4,), stem_filters=4)",
        pytest.param("resnet20(num_classes=3)", marks=pytest.mark.slow),
        pytest.param(
            "BertClassifier(zoo.models.Bert(20, 8, num_layers=1, num_heads=2, max_length=6, dropout=0.1), 3)",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["tiny", "resnet20", "bert"],
)
def test_models_train_on_jax_with_tensorflow_absent(model):
    pytest.importorskip("jax", reason="JAX is not installed")
    run = run_python(WITHOUT_TENSORFLOW.replace("{model}", model), KERAS_BACKEND="jax")
    assert run.returncode == 0, run.stderr
