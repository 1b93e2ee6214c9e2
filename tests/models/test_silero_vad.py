"""Silero's voice detector in our layers: its published weights, and those of its ONNX file."""

import numpy as np
import pytest

from zoo.hub.foreign_silero import load_silero
from zoo.hub.pypi import fetch_package
from zoo.models import SileroVad, silero_vad

DATA = "pypi:silero-vad==6.2.3/silero_vad/data/"


def package_file(name):
    try:
        return fetch_package(DATA + name)
    except ValueError as error:
        pytest.skip(f"silero-vad cannot be fetched here: {error}")


def sound(seed=0):
    """Two rows of 1.1 s at 16 kHz: noise, and a buzzing tone that comes and goes."""
    rng, time = np.random.default_rng(seed), np.arange(17_664) / 16000
    voice = np.sign(np.sin(2 * np.pi * 140 * time)) * (np.sin(2 * np.pi * 3 * time) > 0) * 0.3
    return np.stack([rng.normal(0, 0.1, len(time)), voice + rng.normal(0, 0.01, len(time))]).astype("float32")


def tiny():
    return SileroVad(filters=(8, 6, 6, 8), units=5)


def test_config_round_trip_keeps_the_model():
    model = tiny()
    assert SileroVad.from_config(model.get_config()).get_config() == model.get_config()


@pytest.mark.parametrize("piece", [512, 1536])
def test_streamed_output_equals_the_output_of_the_whole(piece):
    model, audio = tiny(), sound()[:, :17_000]
    whole = model(audio)
    assert whole.shape == model.compute_output_shape(audio.shape) == (2, 34)
    pieces, state = [], None
    for begin in range(0, audio.shape[1], piece):
        out, state = model.run(audio[:, begin : begin + piece], state)
        pieces.append(out)
    np.testing.assert_allclose(np.concatenate(pieces, axis=1), whole, atol=1e-6)


def test_published_weights_give_what_pytorch_gives():
    torch = pytest.importorskip("torch", reason="torch is not installed")
    from safetensors.torch import load_file

    path = package_file("silero_vad_16k.safetensors")
    model = silero_vad()
    model.build()
    load_silero(model, path)
    audio, weights = sound(), load_file(path)
    cell = torch.nn.LSTMCell(128, 128)
    cell.load_state_dict({k.removeprefix("lstm_cell."): v for k, v in weights.items() if "lstm" in k})
    context, state, expected = torch.zeros(2, 64), None, []
    with torch.no_grad():
        for frame in torch.tensor(np.pad(audio, ((0, 0), (0, -audio.shape[1] % 512)))).split(512, dim=1):
            x = torch.nn.functional.pad(torch.cat([context, frame], 1)[:, None], (0, 64), "reflect")
            context = frame[:, -64:]
            x = torch.conv1d(x, weights["stft_conv.weight"], stride=128)
            x = (x[:, :129] ** 2 + x[:, 129:] ** 2).sqrt()
            for i, stride in enumerate((1, 2, 2, 1), 1):
                kernel, bias = weights[f"conv{i}.weight"], weights[f"conv{i}.bias"]
                x = torch.conv1d(x, kernel, bias, stride=stride, padding=1).relu()
            state = cell(x[..., 0], state)
            x = torch.conv1d(
                state[0][..., None].relu(), weights["final_conv.weight"], weights["final_conv.bias"]
            )
            expected.append(x[:, :, 0].sigmoid())
    np.testing.assert_allclose(model(audio), torch.cat(expected, 1), atol=1e-4)


def test_weights_of_the_onnx_file_give_what_onnxruntime_gives(tmp_path):
    """The package's safetensors are of another training run than its ONNX files, which agree."""
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    from safetensors.numpy import save_file

    path = package_file("silero_vad_16k_sequence.onnx")
    tensors = {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    names = {"stft_conv.weight": "stft.forward_basis_buffer"}
    names |= {f"conv{i + 1}.{kind}": f"encoder.{i}.{kind}" for i in range(4) for kind in ("weight", "bias")}
    names |= {f"final_conv.{kind}": f"output.{kind}" for kind in ("weight", "bias")}
    ours = {name: tensors[theirs] for name, theirs in names.items()}
    kernel, recurrent, bias = (value[0] for name, value in sorted(tensors.items()) if "LSTM" in name)

    def gates(value):  # ONNX: input, output, forget, cell
        i, o, f, g = np.split(value, 4)
        return np.concatenate([i, f, g, o])

    ours |= {"lstm_cell.weight_ih": gates(kernel), "lstm_cell.weight_hh": gates(recurrent)}
    ours |= {
        f"lstm_cell.bias_{k}": gates(part) for k, part in zip(("ih", "hh"), np.split(bias, 2), strict=True)
    }
    save_file(ours, tmp_path / "onnx.safetensors")
    model, audio = silero_vad(), sound()
    model.build()
    load_silero(model, tmp_path / "onnx.safetensors")
    session = runtime.InferenceSession(package_file("silero_vad.onnx"))
    state, context, expected = np.zeros((2, 2, 128), "float32"), np.zeros((2, 64), "float32"), []
    for frame in np.split(
        np.pad(audio, ((0, 0), (0, -audio.shape[1] % 512))), range(512, 17_700, 512), axis=1
    ):
        x = np.concatenate([context, frame], axis=1)
        y, state = session.run(None, {"input": x, "state": state, "sr": np.array(16000, "int64")})
        context = frame[:, -64:]
        expected.append(y)
    np.testing.assert_allclose(model(audio), np.concatenate(expected, 1), atol=1e-4)
    assert np.ptp(expected) > 0.01
