"""Work items of the image family."""

from benchmarks.work import Contender, WorkItem

RESNET50, RESNET20 = 8.19, 0.0621  # 10^9 operations for an image, forward; v1 strides take 6 % fewer


def _resnet50(mode: str) -> tuple[Contender, ...]:
    shape = {"mode": mode, "batch": 8, "image_shape": (224, 224, 3), "classes": 1000}
    return (
        *_zoo("resnet50", shape),
        _first_strides("resnet50", shape),
        _keras("keras.applications", "keras_applications", shape),
        _torch("torch", "resnet50", shape, channels_last=False),
        _torch("torch channels_last", "resnet50", shape, channels_last=True),
        _torch("torch bfloat16", "resnet50", shape, channels_last=True, dtype="mixed_bfloat16"),
    )


def _resnet20(mode: str) -> tuple[Contender, ...]:
    shape = {"mode": mode, "batch": 128, "image_shape": (28, 28, 1), "classes": 10}
    return (
        *_zoo("resnet20", shape),
        _keras("plain Keras", "plain_keras", shape),
        _torch("torch", "resnet20", shape, channels_last=False),
        _torch("torch channels_last", "resnet20", shape, channels_last=True),
    )


def _zoo(builder: str, shape: dict) -> tuple[Contender, ...]:
    return tuple(
        Contender(
            f"zoo {dtype}",
            "zoo",
            "benchmarks.keras_steps:zoo_step",
            {"builder": builder, "dtype": dtype, **shape},
        )
        for dtype in ("float32", "mixed_bfloat16")
    )


def _first_strides(builder: str, shape: dict) -> Contender:
    """The network of keras.applications, with 6 % fewer products than the default (v1.5, torchvision's)."""
    options = {"builder": builder, "dtype": "float32", "block_options": {"stride_first": True}, **shape}
    return Contender("zoo float32, v1 strides", "zoo", "benchmarks.keras_steps:zoo_step", options)


def _keras(name: str, function: str, shape: dict) -> Contender:
    return Contender(name, "keras", f"benchmarks.keras_steps:{function}", shape, needs=("keras",))


def _torch(name: str, builder: str, shape: dict, **options) -> Contender:
    options = {"builder": builder, **options, **shape}
    return Contender(name, "torch", "benchmarks.torch_resnet:step", options, needs=("torch",))


def _pipeline(name: str, group: str, function: str) -> Contender:
    return Contender(name, group, f"benchmarks.jpeg_pipeline:{function}", {"images": 256, "batch": 32})


IMAGE_ITEMS = (
    WorkItem(
        "resnet50_train", "224 px, batch 8, SGD momentum", "ms", _resnet50("train"), gflops=3 * 8 * RESNET50
    ),
    WorkItem("resnet50_inference", "224 px, batch 8", "ms", _resnet50("inference"), gflops=8 * RESNET50),
    WorkItem(
        "resnet20_train",
        "28 px, batch 128, SGD momentum",
        "ms",
        _resnet20("train"),
        gflops=3 * 128 * RESNET20,
    ),
    WorkItem(
        "resnet20_inference",
        "28 px, batch 128",
        "ms",
        _resnet20("inference"),
        gflops=128 * RESNET20,
        guard=True,
    ),
    WorkItem(
        "jpeg_pipeline",
        "256 JPEGs 500x375 to normalised batches of 32 at 224 px",
        "images/s",
        (
            _pipeline("zoo ImageClassifier", "zoo", "zoo"),
            _pipeline("plain tf.data", "keras", "plain"),
            _pipeline("image_dataset_from_directory", "keras", "keras_directory"),
        ),
        work=256,
    ),
)
