"""The model card: what a stranger must know before using some weights."""

import math


def write(application):
    """Markdown for `application`, as the README.md of a pretrained folder; see `Application.card`."""
    model, recipe, card = application.model, application.recipe, application.card()
    parameters = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    kind = type(application).__name__
    lines = [
        "---",
        "library_name: keras-zoo",
        f"pipeline_tag: {card['task']}",
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
        card["example"],
        "```",
        "",
        f"**Input** {card['input']}",
        "",
        f"**Output** {card['output']}",
        "",
        f"**Training** data {recipe.data or 'not recorded'}; epochs {recipe.epochs}, "
        f"batch {recipe.batch_size}, {recipe.optimizer} at {recipe.learning_rate:g} ({recipe.schedule}), "
        f"weight decay {recipe.weight_decay:g}, augmentation {dict(recipe.augment)}, seed {recipe.seed}.",
        "",
        f"**Limits** {card['limits']}",
        "",
    ]
    return "\n".join(lines)
