import contextlib
import hashlib
import http.server
import os
import re
import sys
import threading

import numpy as np
import pytest

from zoo.hub import fetch, fetch_folder, sources, verify

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves CONTENT with ranges; `server.cuts` says after how many bytes each next answer breaks off."""

    def do_GET(self):
        self.server.seen.append((self.path, self.headers.get("Range")))
        if self.path == "/moved":
            return self.head(302, 0, Location="http://example.org/w.safetensors")
        if self.path.startswith("/error"):
            return self.head(int(self.path[6:9]), 0)
        start = int(re.match(r"bytes=(\d+)-", self.headers.get("Range") or "bytes=0-").group(1))
        if start >= len(CONTENT):
            return self.head(416, 0)
        body = CONTENT[start:]
        self.head(206 if start else 200, len(body))
        cut = self.server.cuts.pop(0) if self.server.cuts else None
        with contextlib.suppress(OSError):
            self.wfile.write(body[:cut])

    def head(self, status, length, **headers):
        self.send_response(status)
        for key, value in {"Content-Length": length, **headers}.items():
            self.send_header(key, str(value))
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("ZOO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("ZOO_OFFLINE", raising=False)
    monkeypatch.setattr(sources, "PAUSE", 0.0)
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.seen, server.cuts = [], []
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def part_of(path):
    return path.with_name(path.name + ".part")


def test_download_is_checked_and_cached_by_digest(server, tmp_path):
    path = fetch(f"{server.url}/w.safetensors?x=1", SHA256)
    assert path == tmp_path / "cache" / SHA256 / "w.safetensors"
    assert path.read_bytes() == CONTENT
    assert not part_of(path).exists()
    assert fetch(f"{server.url}/w.safetensors?x=1", SHA256.upper()) == path
    assert len(server.seen) == 1


def test_download_without_digest_is_cached_by_url(server):
    first, second = fetch(f"{server.url}/a"), fetch(f"{server.url}/b", filename="a")
    assert first.name == second.name == "a"
    assert first.parent != second.parent
    assert fetch(f"{server.url}/a") == first
    assert len(server.seen) == 2


def test_connection_that_breaks_off_is_resumed(server):
    server.cuts = [1000, 70_000]
    assert fetch(f"{server.url}/w", SHA256).read_bytes() == CONTENT
    assert [r for _, r in server.seen] == [None, "bytes=1000-", "bytes=71000-"]


def test_partial_file_of_a_killed_process_is_resumed(server):
    path = sources.cache_folder() / SHA256 / "w"
    path.parent.mkdir(parents=True)
    part_of(path).write_bytes(CONTENT[:123_456])
    assert fetch(f"{server.url}/w", SHA256).read_bytes() == CONTENT
    assert server.seen == [("/w", "bytes=123456-")]


@pytest.mark.parametrize("part", [CONTENT, CONTENT + b"more"])
def test_partial_file_with_nothing_to_come(part, server):
    path = sources.cache_folder() / SHA256 / "w"
    path.parent.mkdir(parents=True)
    part_of(path).write_bytes(part)
    assert fetch(f"{server.url}/w", SHA256).read_bytes() == CONTENT


def test_partial_file_is_not_trusted_without_digest(server):
    path = fetch(f"{server.url}/w")
    path.rename(part_of(path))
    part_of(path).write_bytes(b"of another day")
    assert fetch(f"{server.url}/w").read_bytes() == CONTENT


def test_wrong_digest_deletes_the_download(server):
    wrong = "0" * 64
    with pytest.raises(ValueError, match=f"expected sha256 {wrong}, found {SHA256}"):
        fetch(f"{server.url}/w", wrong)
    assert [p.name for p in (sources.cache_folder() / wrong).iterdir()] == ["w.lock"]


def test_corrupt_cache_is_fetched_again(server):
    path = fetch(f"{server.url}/w", SHA256)
    path.write_bytes(b"rot")
    assert fetch(f"{server.url}/w", SHA256).read_bytes() == CONTENT


def test_offline_uses_the_cache_only(server, monkeypatch):
    path = fetch(f"{server.url}/w", SHA256)
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    assert fetch(f"{server.url}/w", SHA256) == path
    with pytest.raises(ValueError, match=r"because ZOO_OFFLINE is set, found no intact .*other"):
        fetch(f"{server.url}/other")
    assert len(server.seen) == 1


def test_missing_page_is_told_at_once(server):
    with pytest.raises(ValueError, match="found HTTP 404"):
        fetch(f"{server.url}/error404", SHA256)
    assert len(server.seen) == 1


def test_server_error_is_tried_again_then_told(server):
    with pytest.raises(ConnectionError, match=f"not downloaded after {sources.ATTEMPTS} attempts"):
        fetch(f"{server.url}/error503", SHA256)
    assert len(server.seen) == sources.ATTEMPTS


def test_plain_http_is_refused_even_by_redirect(server):
    with pytest.raises(ValueError, match=r"expected https://, found 'http://example\.org/w'"):
        fetch("http://example.org/w")
    with pytest.raises(ValueError, match=r"expected https://, found 'http://example\.org/w\.s"):
        fetch(f"{server.url}/moved")


@pytest.mark.parametrize("end", sources.PICKLES)
def test_pickles_are_refused(end, tmp_path):
    (tmp_path / f"model{end}").write_bytes(b"\x80\x04.")
    for source in (tmp_path / f"model{end}", f"https://example.org/model{end}", f"hf://a/b/model{end}"):
        with pytest.raises(ValueError, match=r"pickles .* can run code"):
            fetch(source)


def test_local_file_is_verified(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(CONTENT)
    assert fetch(path, SHA256) == verify(path, SHA256) == path
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(
        ValueError, match=rf"w\.safetensors: expected sha256 {SHA256}, found .* \(299999 bytes\)"
    ):
        fetch(path, SHA256)
    with pytest.raises(ValueError, match="expected 64 hexadecimal digits, found 'abc'"):
        fetch(path, "abc")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.safetensors", "found 'missing.safetensors', no such file"),
        (".", "found '.', a folder"),
        ("ftp://example.org/w", "expected bundled:NAME, a path"),
        ("bundled:none.safetensors", "expected bundled weights, one of"),
        ("bundled:../registry.py", "expected a plain file name"),
        ("keras-applications:ResNet50", "keras_applications_model"),
        ("hf://justone", "expected hf://owner/name"),
        ("hf://owner/name/model.h5", r"expected a file like \*\.safetensors"),
    ],
)
def test_bad_source_is_told(source, message):
    with pytest.raises(ValueError, match=message):
        fetch(source)


@pytest.fixture
def bundle(tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    monkeypatch.setattr(sources.importlib.resources, "files", lambda _: tmp_path)
    return tmp_path / "weights"


def test_bundled_file_is_verified(bundle):
    (bundle / "w.safetensors").write_bytes(CONTENT)
    assert fetch("bundled:w.safetensors", SHA256).read_bytes() == CONTENT
    with pytest.raises(ValueError, match=f"expected sha256 {'1' * 64}, found {SHA256}"):
        fetch("bundled:w.safetensors", "1" * 64)


@pytest.fixture
def hub_cache(tmp_path, monkeypatch):
    """A cache of huggingface_hub that holds one revision of owner/name."""
    constants = pytest.importorskip("huggingface_hub.constants")
    commit = "a" * 40
    folder = tmp_path / "models--owner--name"
    snapshot = folder / "snapshots" / commit
    snapshot.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    (snapshot / "model.safetensors").write_bytes(CONTENT)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("ZOO_OFFLINE", "1")
    return snapshot


def test_hugging_face_offline_uses_its_cache(hub_cache):
    assert fetch("hf://owner/name", SHA256).read_bytes() == CONTENT
    assert fetch(f"hf://owner/name@{'a' * 40}/model.safetensors").parent == hub_cache
    assert fetch_folder("hf://owner/name@main") == hub_cache
    for source in ("hf://owner/name/config.json", "hf://owner/name@v2", "hf://owner/other"):
        with pytest.raises(ValueError, match="as ZOO_OFFLINE is set, found it missing"):
            fetch(source)
    with pytest.raises(ValueError, match="as ZOO_OFFLINE is set, found it missing"):
        fetch_folder("hf://owner/other")


def test_missing_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ValueError, match=re.escape("pip install keras-zoo[hub]")):
        fetch("hf://owner/name")


def test_folder_is_a_folder(tmp_path):
    assert fetch_folder(tmp_path) == tmp_path
    with pytest.raises(ValueError, match="expected a folder or hf://"):
        fetch_folder(os.path.join(tmp_path, "none"))
    with pytest.raises(ValueError, match="without a file"):
        fetch_folder("hf://owner/name/model.safetensors")
