"""What is done to the dense layers of a trained network: low-rank changes, and kernels of 8 bits."""

from zoo.training.lora import dense_layers, enable_lora, merge_lora


class Adaptation:
    """The part of an application that changes its network so; goes before `Application` among the bases."""

    @property
    def adapted(self):
        """The part of `model` that low-rank changes are for; a head beside it trains as before."""
        return self.model

    def enable_lora(self, rank=8, alpha=None):
        """Trains low-rank changes of the kernels in place of the network (arXiv:2106.09685).

        Compile afterwards; `merge_lora` makes the changes part of the kernels.
        """
        enable_lora(self.adapted, rank, alpha)
        self.forget_functions()

    def merge_lora(self):
        """Makes low-rank changes part of the kernels; the answers stay. Compile before you train on."""
        if merge_lora(self.adapted):
            self.forget_functions()
            if self.compiled:
                self.compile(self.recipe)

    def quantize(self, mode=None, config=None, **arguments):
        """Dense layers to kernels of mode "int8", or as Keras' `config` says, for prediction.

        Save before: what is quantized is not saved.
        """
        for layer in dense_layers(self.model):
            layer.quantize(mode, config=config, **arguments)
        self.forget_functions()

    def forget_functions(self):
        """Lets go of functions that were traced with other kernels."""
        self.predict_function = None

    def save(self, filepath, overwrite=True, **arguments):
        self._check_saveable()
        if any(layer.lora_enabled for layer in dense_layers(self.adapted)):
            raise ValueError(
                "filepath: expected merged kernels, found low-rank changes; call merge_lora() first"
            )
        super().save(filepath, overwrite, **arguments)

    def save_pretrained(self, folder, dtype=None):
        """As of `Application`; low-rank changes are merged first."""
        self._check_saveable()
        self.merge_lora()
        super().save_pretrained(folder, dtype)

    def _check_saveable(self):
        if any(layer.quantization_mode for layer in dense_layers(self.model)):
            raise ValueError(
                "save: expected kernels of floats, found quantized ones; save before you quantize"
            )
