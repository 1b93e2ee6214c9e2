"""English, open vocabulary: DeepSpeech with 3.8M parameters on telephone prompts and synthetic voices.

ZOO_DATA_ROOT=unpacked-debian-packages zoo fit prompts.english
"""

from zoo.training import Recipe

RECIPE = Recipe(
    name="prompts.english",
    application="SpeechRecognizer",
    model="deep_speech_medium",
    data="prompts_english",
    preprocessor={"sample_rate": 16000, "num_mels": 80, "text": "english"},
    epochs=16,
    batch_size=32,
    optimizer="adamw",
    learning_rate=2e-3,
    warmup=0.05,
    schedule="cosine",
    weight_decay=1e-2,
    clip_norm=5.0,
    precision="mixed_bfloat16",
    augment={
        "speed": 0.12,
        "gain": 6.0,
        "noise": 0.05,
        "narrow": 0.4,
        "time_masks": 3,
        "time_width": 0.1,
        "mel_masks": 2,
        "mel_width": 12,
    },
    decoder={
        "order": 2,
        "least": 2,
        "texts": ("rated_movies", "rated_tweets", "rated_reviews", "rated_editorials"),
        "words": "known",
        "beam_size": 128,
        "weight": 0.4,
        "bonus": 2.0,
    },
    seed=0,
)
