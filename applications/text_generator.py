"""Text generation: strings in, strings out, with a decoder and its byte-pair vocabulary as one object.

Shapes: B batch, T time, D model width, V vocabulary.
"""

import contextlib

import keras
import tensorflow as tf
from zoo.applications.adaptation import Adaptation
from zoo.applications.application import Application
from zoo.applications.arguments import named
from zoo.applications.recipes.text_generation_defaults import RECIPE
from zoo.applications.text_scoring import TextScoring
from zoo.applications.text_serving import TextServing

from zoo import models
from zoo.decoding.generation import generate
from zoo.decoding.step_kernels import forget_kernels
from zoo.layers import packed_mask
from zoo.losses.chunked_cross_entropy import chunked_cross_entropy
from zoo.preprocessing.byte_pair import BytePair
from zoo.preprocessing.packing import packed_rows, token_stream
from zoo.preprocessing.text_input import text_list
from zoo.preprocessing.token_file import TokenFile

PADDING = 1024  # rows of an embedding without a token: some checkpoints round their number up


@keras.saving.register_keras_serializable("zoo")
class TextGenerator(Adaptation, TextScoring, TextServing, Application):
    """A language model over raw text.

    Args:
        model: a `zoo.models.Gpt`.
        preprocessor: its `zoo.preprocessing.BytePair`.
        row_length: tokens of a training row; None for the model's context, at most 1,024.
        **kwargs: `name`, `dtype`.

    Raw data x: a list of documents, each a string; in `fit` also prompts x with answers y, and then only the
    answers are learned. Documents are packed into rows; none attends to another. For a corpus larger than
    memory x is a `zoo.preprocessing.TokenFile`.

    Example:
        >>> tokens = zoo.preprocessing.BytePair.of_bytes()
        >>> app = TextGenerator(zoo.models.gpt_mini(vocabulary_size=257, num_layers=1), tokens, row_length=16)
        >>> history = app.fit(["to be or not to be " * 20], batch_size=4, epochs=1, verbose=0)
        >>> len(app.generate("to be", max_new_tokens=3, stop=None)) >= len("to be")
        True
    """

    default_recipe = RECIPE
    redraws_data = False  # texts are cut into tokens once, not for every epoch
    weighs_examples = False
    overrides = ("precision", "lora")
    length_unit = "tokens"

    def __init__(self, model, preprocessor, row_length=None, **kwargs):
        super().__init__(model, preprocessor, **kwargs)
        if len(preprocessor) > model.vocabulary_size:
            raise ValueError(
                f"preprocessor: expected at most {model.vocabulary_size} tokens, as the model has, found "
                f"{len(preprocessor)}"
            )
        if len(preprocessor) < model.vocabulary_size - PADDING:
            raise ValueError(
                f"preprocessor: expected about {model.vocabulary_size} tokens, as the model has, found "
                f"{len(preprocessor)}; are they of one checkpoint?"
            )
        self.row_length = row_length or min(model.max_length, 1024)
        if self.row_length > model.max_length:
            raise ValueError(
                f"row_length: expected at most {model.max_length}, the model's context, found {row_length}"
            )
        self.build()

    def build(self, input_shape=None):
        if not self.model.built:
            self.model.build((None, None))
        self.built = True

    def call(self, inputs, training=None):
        """{"token_ids"[, "text_ids", "positions"]}, int [B, T], -> float [B, T, D], what the head takes."""
        mask = packed_mask(inputs["text_ids"]) if "text_ids" in inputs else None
        positions = None if self.model.rotary_base else inputs.get("positions")
        return self.model.hidden(inputs["token_ids"], mask, positions, training=training)

    def lengths(self, inputs):
        counted = inputs["text_ids"] > 0 if "text_ids" in inputs else keras.ops.ones_like(inputs["token_ids"])
        return keras.ops.sum(keras.ops.cast(counted, "int32"), axis=1)

    def example_spec(self):
        return tf.TensorSpec((None, self.row_length), "int32"), self.row_length

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Mean cross-entropy a token, in nats; the logits of the whole batch never exist at once."""
        weights = keras.ops.ones_like(y, "float32") if sample_weight is None else sample_weight
        return chunked_cross_entropy(y_pred, self.model.head_kernel(), y, weights)

    def loss_count(self, x, y_pred, sample_weight):
        """The number of targets, by which the loss is a mean."""
        return keras.ops.sum(sample_weight)

    def loss_and_metrics(self, recipe):
        """The loss is `compute_loss`; there are no further metrics."""
        return {"loss": None, "metrics": None}

    def training_data(self, x, y=None, sample_weight=None, batch_size=32, shuffle=True):
        """Raw documents -> shuffled batches of packed rows; another offset and order in every pass."""
        forget_kernels(self.model)  # while the weights change, these would only fill memory
        return packed_rows(self._stream(x, y), self.row_length, batch_size, shuffle, drop_remainder=shuffle)

    def inference_data(self, x, y=None, sample_weight=None, batch_size=32, labelled=True):
        """Raw documents -> batches of packed rows in the order of the text."""
        data = packed_rows(self._stream(x, y), self.row_length, batch_size)
        return data if labelled else data.map(lambda inputs, *_: inputs)

    def _stream(self, x, y=None):
        if isinstance(x, TokenFile):
            if y is not None:
                raise ValueError("y: expected None together with a TokenFile, found answers")
            return x.stream_for(self.preprocessor)
        documents = self.preprocessor.encode(text_list(x, "x"))
        prompts = None
        if y is not None:
            prompts, documents = documents, self.preprocessor.encode(text_list(y, "y"))
            if len(prompts) != len(documents):
                raise ValueError(f"y: expected {len(prompts)} answers, one a prompt, found {len(documents)}")
        if not any(documents):
            raise ValueError("x: expected some text, found empty documents only")
        return token_stream(documents, self.preprocessor.end_id, prompts)

    def adapt(self, lora=None):
        """Applies the overrides of `from_pretrained`; `lora` is a rank, see `enable_lora`."""
        if lora is not None:
            self.enable_lora(lora)

    def forget_functions(self):
        super().forget_functions()
        self._score_function = None

    @contextlib.contextmanager
    def _explained(self, x):
        """Bad texts are found before any pipeline runs, so there is nothing to explain."""
        yield

    def generate(self, prompts, max_new_tokens=64, stop="end", stream=False, **sampler):
        """Continues texts.

        Args:
            prompts: a string, or a list of strings.
            max_new_tokens: at most so many tokens are added.
            stop: a string or strings at which an answer ends, without them; "end" for the end-of-text token
                alone; None for neither.
            stream: give an iterator of pieces of the answer as they come; one prompt only.
            **sampler: `temperature` (0, the default, for the likeliest token), `top_k`, `top_p`, `min_p`,
                `repetition_penalty`, `banned_tokens`, `forced_tokens`, `seed`, `num_beams`, `length_penalty`,
                `draft` (here also a `TextGenerator`), `proposals`, `cache_dtype`: see
                `zoo.decoding.generate`.

        Returns: the prompt with its answer, a str; a list of them for a list.
        """
        single = isinstance(prompts, (str, bytes))
        texts = text_list(prompts, "prompts")
        rows = self.preprocessor.encode(texts)
        # A model's text begins where another ended: what an empty prompt means.
        rows = [row or [self.preprocessor.end_id] for row in rows]
        end_id = None if stop is None else self.preprocessor.end_id
        stops = () if stop in (None, "end") else (stop,) if isinstance(stop, str) else tuple(stop)
        options = {"max_new_tokens": max_new_tokens, "end_id": end_id, **sampler}
        if isinstance(draft := sampler.get("draft"), TextGenerator):
            options["draft"] = self._model_of(draft)
        if stream:
            if len(rows) > 1:
                raise ValueError(f"stream: expected one prompt, found {len(rows)}")
            return self._pieces(generate(self.model, rows, stream=True, **options), end_id, stops)
        if stops and draft is None and sampler.get("num_beams", 1) == 1:  # no tokens beyond a stop
            chunks = (generate(self.model, [row], stream=True, **options) for row in rows)
            answers = ["".join(self._pieces(row, end_id, stops)) for row in chunks]
        else:
            whole = generate(self.model, rows, **options)
            answers = self.preprocessor.decode(
                [full[len(row) :] for full, row in zip(whole, rows, strict=True)]
            )
            answers = [_before(answer, stops) for answer in answers]
        full = [_str(text) + answer for text, answer in zip(texts, answers, strict=True)]
        return full[0] if single else full

    def _model_of(self, draft):
        """The network of a draft that reads and writes the same tokens."""
        if draft.preprocessor.vocabulary != self.preprocessor.vocabulary:
            raise ValueError("draft: expected the vocabulary of this application, found another one")
        return draft.model

    def chat(self, messages, stream=False, **options):
        """The answer to a conversation, by the checkpoint's template.

        Args:
            messages: dicts of "role" ("system", "user" or "assistant") and "content", in order.
            stream: give an iterator of pieces instead of a string.
            **options: those of `generate`.

        Raises:
            ValueError: the vocabulary has no template.
            ImportError: jinja2 is missing.
        """
        prompt = self._conversation(messages)
        pieces = self.generate([prompt], stream=True, **options)
        return pieces if stream else "".join(pieces)

    def _conversation(self, messages):
        template = self.preprocessor.chat_template
        if not template:
            raise ValueError("chat: expected a vocabulary with a chat_template, found none; use generate")
        try:
            from jinja2.sandbox import ImmutableSandboxedEnvironment
        except ImportError as error:
            raise ImportError("chat needs jinja2, which is not installed: pip install jinja2") from error
        environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
        return environment.from_string(template).render(messages=messages, add_generation_prompt=True)

    def _pieces(self, chunks, end_id, stops):
        """Text as tokens come: half characters and what may begin a stop string are held back."""
        tokens, given = [], 0
        for chunk in chunks:
            new = chunk[0].tolist()
            ended = end_id in new
            tokens += new[: new.index(end_id)] if ended else new
            text = self.preprocessor.decode([tokens])[0]
            if any(stop in text for stop in stops):
                yield _before(text, stops)[given:]
                return
            safe = text if ended else text.rstrip("\ufffd")
            held = 0 if ended else max((_overlap(safe, stop) for stop in stops), default=0)
            safe = safe[: len(safe) - held]
            if len(safe) > given:
                yield safe[given:]
                given = len(safe)
            if ended:
                return
        text = self.preprocessor.decode([tokens])[0]
        if len(text) > given:
            yield text[given:]

    @classmethod
    def from_gguf(cls, path, precision="float32"):
        """From a GGUF file of a Llama-shaped decoder, its vocabulary and chat template included."""
        from zoo.hub.gguf import GgufFile

        tokens = BytePair(**GgufFile(path).tokenizer_arguments())
        return cls(models.Gpt.from_pretrained(path, precision), tokens)

    @classmethod
    def from_weights(cls, weights, path, precision):
        """From the GGUF file of a registered decoder."""
        return cls.from_gguf(path, precision)

    @classmethod
    def from_recipe(cls, recipe, examples):
        """Random weights, and a vocabulary learned from `examples`, or the recipe's `start`."""
        if recipe.start:
            return cls.from_pretrained(recipe.start, precision=recipe.precision)
        tokens = BytePair.train(next(iter(examples)), **recipe.preprocessor)
        model = named(models, recipe.model, "model")(vocabulary_size=len(tokens), dtype=recipe.precision)
        return cls(model, tokens)

    @classmethod
    def from_foreign(cls, folder, config, precision):
        """From a folder of Hugging Face's GPT-2 or Llama."""
        return cls(models.Gpt.from_pretrained(folder, precision), BytePair.from_folder(folder))

    def get_config(self):
        return {**super().get_config(), "row_length": self.row_length}

    def card(self):
        model = self.model
        return {
            "task": "text-generation",
            "example": 'print(app.generate("Once upon a time", max_new_tokens=50, temperature=0.8))',
            "input": f"Text, at most {model.max_length} tokens of {len(self.preprocessor)} with the answer.",
            "output": "The text with its continuation; `score` gives the log-probability of a text.",
            "limits": "It continues text as its training data would; nothing it says need be true.",
        }

    def lines(self, inputs, **options):
        """For each prompt its continuation."""
        for prompt, text in zip(inputs, self.generate(list(inputs), **options), strict=True):
            yield text, {"prompt": prompt, "text": text}


def _before(text, stops):
    """What comes before the first of the `stops`."""
    return text[: min((text.find(stop) for stop in stops if stop in text), default=len(text))]


def _overlap(text, stop):
    """Length of the longest beginning of `stop` that ends `text`."""
    return next((n for n in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:n])), 0)


def _str(text):
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else text
