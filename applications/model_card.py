"""The model card: what a stranger must know before using some weights."""

import math


def write(application):
    """Markdown for `application`, as the README.md of a pretrained folder."""
    model, preprocessor = application.model, application.preprocessor
    height, width = preprocessor.image_size
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    recipe = application.recipe
    kind = type(application).__name__
    lines = [
        "---",
        "library_name: keras-zoo",
        "pipeline_tag: image-classification",
        "---",
        "",
        f"# {recipe.name or kind}",
        "",
        f"A `{type(model).__name__}` of {parameters:,} parameters under `zoo.applications.{kind}`.",
        "",
        "```python",
        f"from zoo.applications import {kind}",
        "",
        f'app = {kind}.from_pretrained("this folder")',
        'app.classify(["photo.png"])',
        "```",
        "",
        f"**Input** {height}x{width} px, {preprocessor.channels} channel(s), {preprocessor.interpolation} "
        f"resize, crop ratio {preprocessor.crop_ratio:g}, mean {preprocessor.mean}, std {preprocessor.std}.",
        "",
        f"**Output** {len(application.labels)} classes: {', '.join(application.labels[:20])}"
        + (", ..." if len(application.labels) > 20 else "."),
        "",
        f"**Training** data {recipe.data or 'not recorded'}; epochs {recipe.epochs}, "
        f"batch {recipe.batch_size}, {recipe.optimizer} at {recipe.learning_rate:g} ({recipe.schedule}), "
        f"weight decay {recipe.weight_decay:g}, augmentation {dict(recipe.augment)}, seed {recipe.seed}.",
        "",
        "**Limits** It answers with one of its classes whatever the image shows, and its scores are not "
        "calibrated. Measure it on your own data before relying on it.",
        "",
    ]
    return "\n".join(lines)
