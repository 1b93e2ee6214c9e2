"""Byte-level byte-pair encoding (Sennrich et al. 2016, arXiv:1508.07909, on bytes as in GPT-2).

Two paths that tests hold equal: the `tokenizers` library on the host, TensorFlow operations in graphs.
"""

import functools
import json
import pathlib

import keras
import numpy as np

from zoo.files import read_json, read_text

SPLITS = ("gpt2", "gpt2_digits", "llama3", "qwen2", "whole")
END_OF_TEXT = "<|endoftext|>"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
EXTRA = "byte-pair encoding on the host needs tokenizers, which is not installed: pip install keras-zoo[text]"


@functools.cache
def byte_alphabet():
    """The printable character that stands for each byte in vocabularies of this kind, as a tuple of 256.

    Printable Latin-1 stands for itself; the other bytes take the characters from U+0100 on, in order.

    Example:
        >>> byte_alphabet()[ord("a")], byte_alphabet()[ord(" ")]
        ('a', 'Ġ')
    """
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return tuple(chr(b) if b in printable else chr(next(others)) for b in range(256))


def printable(data):
    """bytes -> its spelling in `byte_alphabet`."""
    return "".join(map(byte_alphabet().__getitem__, data))


def spelled_bytes(token):
    """The inverse of `printable`; None where `token` has another character."""
    codes = _byte_codes()
    return bytes(codes[c] for c in token) if all(c in codes for c in token) else None


@functools.cache
def _byte_codes():
    return {character: byte for byte, character in enumerate(byte_alphabet())}


@keras.saving.register_keras_serializable("zoo")
class BytePair:
    """Text to token ids and back, without loss, for any text.

    Args:
        vocabulary: the tokens by id, spelled in `byte_alphabet`; special tokens as they are.
        merges: "left right" strings in order of rank. None at all makes it a vocabulary of bytes.
        special_tokens: tokens of the vocabulary that are found in the text as they stand, and that no other
            text ever encodes to.
        split: how a text is cut into words, which merges never cross: "gpt2"; "gpt2_digits" (each digit
            apart, SmolLM); "llama3"; "qwen2"; "whole" (no cut).
        end_of_text: the special token between documents.
        chat_template: Jinja template of a conversation, where the checkpoint has one.

    Example:
        >>> tokens = BytePair.of_bytes()
        >>> tokens.encode(["Hi!"])
        [[72, 105, 33]]
        >>> tokens.decode([[72, 105, 33]])
        ['Hi!']
    """

    def __init__(
        self,
        vocabulary,
        merges=(),
        special_tokens=(END_OF_TEXT,),
        split="gpt2",
        end_of_text=END_OF_TEXT,
        chat_template=None,
    ):
        if split not in SPLITS:
            raise ValueError(f"split: expected one of {SPLITS}, found {split!r}")
        self.vocabulary, self.merges = list(vocabulary), list(merges)
        self.special_tokens, self.split = tuple(special_tokens), split
        self.ids = {token: i for i, token in enumerate(self.vocabulary)}
        if len(self.ids) < len(self.vocabulary):
            twice = next(t for i, t in enumerate(self.vocabulary) if self.ids[t] != i)
            raise ValueError(f"vocabulary: expected distinct tokens, found {twice!r} twice")
        for name, tokens in (("special_tokens", self.special_tokens), ("end_of_text", (end_of_text,))):
            if lost := [token for token in tokens if token not in self.ids]:
                raise ValueError(f"{name}: expected tokens of the vocabulary, found {lost[:5]}")
        self.end_of_text = end_of_text
        self.end_id = self.ids[end_of_text]
        self.chat_template = chat_template
        self.pairs = [self._pair(rank, merge) for rank, merge in enumerate(self.merges)]

    def _pair(self, rank, merge):
        parts = merge.split(" ")
        if len(parts) != 2 or not {*parts, "".join(parts)} <= self.ids.keys():
            raise ValueError(
                f"merges: expected 'left right', both and their joint in the vocabulary, found {merge!r} at "
                f"{rank}"
            )
        return parts[0], parts[1]

    @classmethod
    def of_bytes(cls):
        """A vocabulary of the 256 bytes and one end-of-text token: 257 ids, no merges."""
        return cls([*byte_alphabet(), END_OF_TEXT], split="whole")

    @classmethod
    def train(cls, texts, vocabulary_size, special_tokens=(END_OF_TEXT,), split="gpt2"):
        """Learns merges from texts: the commonest pair of neighbours, again and again.

        Args:
            texts: strings, any iterable.
            vocabulary_size: tokens in all, the 256 bytes and the special ones included; fewer come out where
                the texts have no more pairs that occur twice.
            special_tokens: the first one is the end of text.
            split: see the class.
        """
        tokenizers = _tokenizers()
        least = 256 + len(special_tokens)
        if vocabulary_size < least:
            raise ValueError(f"vocabulary_size: expected at least {least}, found {vocabulary_size}")
        host = tokenizers.Tokenizer(tokenizers.models.BPE())
        host.pre_tokenizer = _pre_tokenizer(split)
        trainer = tokenizers.trainers.BpeTrainer(
            vocab_size=vocabulary_size - len(special_tokens),
            initial_alphabet=list(byte_alphabet()),
            min_frequency=2,
            show_progress=False,
        )
        host.train_from_iterator(texts, trainer)
        state = json.loads(host.to_str())["model"]
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in state["merges"]]
        learned = ["".join(merge.split(" ")) for merge in merges]
        vocabulary = [*byte_alphabet(), *dict.fromkeys(learned), *special_tokens]
        return cls(vocabulary, merges, special_tokens, split, special_tokens[0])

    @classmethod
    def from_folder(cls, folder):
        """Reads Hugging Face's `tokenizer.json`, or GPT-2's `vocab.json` and `merges.txt`."""
        folder = pathlib.Path(folder)
        if (folder / "tokenizer.json").is_file():
            return cls(**_hugging_face_arguments(folder / "tokenizer.json"))
        if not ((folder / "vocab.json").is_file() and (folder / "merges.txt").is_file()):
            raise ValueError(
                f"folder: expected tokenizer.json, or vocab.json and merges.txt, found neither in "
                f"{str(folder)!r}"
            )
        ids = read_json(folder / "vocab.json")
        lines = read_text(folder / "merges.txt").split("\n")
        merges = [line for line in lines if line and not line.startswith("#version")]
        return cls(_by_id(ids), merges)

    def save(self, folder):
        """Writes `tokenizer.json`, which Hugging Face's libraries read too."""
        pathlib.Path(folder, "tokenizer.json").write_text(self.host.to_str(pretty=True), encoding="utf-8")

    def save_assets(self, folder):
        """Writes `tokenizer.json`; returns the arguments of `load_assets` beside it."""
        self.save(folder)
        return {"end_of_text": self.end_of_text, "chat_template": self.chat_template}

    @classmethod
    def load_assets(cls, folder, arguments):
        """The inverse of `save_assets`."""
        found = _hugging_face_arguments(pathlib.Path(folder, "tokenizer.json"))
        return cls(**{**found, **arguments})

    def __len__(self):
        return len(self.vocabulary)

    @functools.cached_property
    def host(self):
        """The same encoding as a `tokenizers.Tokenizer`."""
        tokenizers = _tokenizers()
        host = tokenizers.Tokenizer(tokenizers.models.BPE(self.ids, self.pairs))
        host.pre_tokenizer = _pre_tokenizer(self.split)
        host.decoder = tokenizers.decoders.ByteLevel()
        host.add_special_tokens([tokenizers.AddedToken(t, special=True) for t in self.special_tokens])
        return host

    @functools.cached_property
    def graph(self):
        """The same encoding as TensorFlow operations, a `GraphBytePair`."""
        import tensorflow as tf

        from zoo.preprocessing.byte_pair_graph import GraphBytePair

        with tf.init_scope():  # its tables must outlive the function that asks for them first
            special = {self.ids[token] for token in self.special_tokens}
            texts = [self._bytes(i, special) for i in range(len(self))]
            merges = [(self.ids[a], self.ids[b], self.ids[a + b]) for a, b in self.pairs]
            return GraphBytePair(texts, merges, sorted(special), self.split)

    def _bytes(self, i, special):
        token = self.vocabulary[i]
        data = None if i in special else spelled_bytes(token)
        return token.encode() if data is None else data

    def encode(self, texts):
        """Token ids on the host, one list a text.

        Args:
            texts: a list of str, or of bytes, in which invalid UTF-8 becomes U+FFFD.
        """
        texts = [_text(text, row) for row, text in enumerate(texts)]
        return [encoding.ids for encoding in self.host.encode_batch_fast(texts, add_special_tokens=False)]

    def decode(self, token_ids, skip_special=True):
        """Texts of rows of token ids; negative ids are padding. Bytes that are no UTF-8 become U+FFFD."""
        rows = [np.asarray(row, "int64") for row in token_ids]
        return self.host.decode_batch([row[row >= 0].tolist() for row in rows], skip_special)

    def get_config(self):
        return {
            "vocabulary": self.vocabulary,
            "merges": self.merges,
            "special_tokens": list(self.special_tokens),
            "split": self.split,
            "end_of_text": self.end_of_text,
            "chat_template": self.chat_template,
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _text(text, row):
    if isinstance(text, (bytes, np.bytes_)):
        return text.decode("utf-8", "replace")
    if not isinstance(text, str):
        raise ValueError(f"texts: expected strings, found {type(text).__name__} at row {row}")
    return text


def _tokenizers():
    try:
        import tokenizers
        import tokenizers.decoders
        import tokenizers.models
        import tokenizers.pre_tokenizers
        import tokenizers.trainers
    except ImportError as error:
        raise ImportError(EXTRA) from error
    return tokenizers


def _pre_tokenizer(split):
    parts = _tokenizers().pre_tokenizers
    if split == "gpt2":
        return parts.ByteLevel(add_prefix_space=False)
    if split == "gpt2_digits":
        return parts.Sequence([parts.Digits(individual_digits=True), parts.ByteLevel(add_prefix_space=False)])
    whole = parts.ByteLevel(add_prefix_space=False, use_regex=False)
    if split == "whole":
        return whole
    pattern = LLAMA3 if split == "llama3" else LLAMA3.replace("{1,3}", "")
    return parts.Sequence([parts.Split(_tokenizers().Regex(pattern), "isolated"), whole])


def _by_id(ids):
    """{token: id} -> tokens by id; an id that is left out gets a name that no text spells."""
    tokens = [f"<unused {i}>" for i in range(max(ids.values()) + 1)]
    for token, i in ids.items():
        tokens[i] = token
    return tokens


def _hugging_face_arguments(path):
    """Arguments of `BytePair` for a `tokenizer.json`; ValueError where it describes something else."""
    state = read_json(path)
    model = state.get("model") or {}
    if model.get("type") != "BPE" or model.get("byte_fallback"):
        raise ValueError(f"{path}: expected byte-level BPE, found {model.get('type')!r}")
    if state.get("normalizer"):
        raise ValueError(f"{path}: expected no normalizer, found {state['normalizer'].get('type')!r}")
    added = state.get("added_tokens", [])
    vocabulary = _by_id({**model["vocab"], **{token["content"]: token["id"] for token in added}})
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    special = [token["content"] for token in added if token["special"]]
    names = (END_OF_TEXT, "<|im_end|>", "<|end_of_text|>", "</s>")
    end = next((name for name in names if name in vocabulary), (special or vocabulary)[-1])
    return {
        "vocabulary": vocabulary,
        "merges": merges,
        "special_tokens": special,
        "split": _split_of(state.get("pre_tokenizer") or {}, path),
        "end_of_text": end,
    }


def _split_of(pre_tokenizer, path):
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    kinds = [part.get("type") for part in parts]
    if any(part.get("add_prefix_space") for part in parts):
        raise ValueError(f"{path}: expected add_prefix_space false, found true")
    if kinds == ["ByteLevel"]:
        return "gpt2" if parts[0].get("use_regex", True) else "whole"
    if kinds == ["Digits", "ByteLevel"] and parts[0].get("individual_digits"):
        return "gpt2_digits"
    if kinds == ["Split", "ByteLevel"]:
        pattern = parts[0]["pattern"].get("Regex")
        known = {LLAMA3: "llama3", LLAMA3.replace("{1,3}", ""): "qwen2"}
        if pattern in known:
            return known[pattern]
    raise ValueError(f"{path}: expected a pre-tokenizer of {SPLITS}, found {kinds}")
