"""BERT in its published sizes, with literal numbers; every builder takes overrides for `Bert`."""

from zoo.models.bert import Bert


def bert_tiny(**overrides):
    """BERT tiny, 2 x 128, 4.4M parameters (arXiv:1908.08962)."""
    return _build(2, 128, 2, overrides)


def bert_mini(**overrides):
    """BERT mini, 4 x 256, 11.2M parameters (arXiv:1908.08962)."""
    return _build(4, 256, 4, overrides)


def bert_small(**overrides):
    """BERT small, 4 x 512, 28.8M parameters (arXiv:1908.08962)."""
    return _build(4, 512, 8, overrides)


def bert_medium(**overrides):
    """BERT medium, 8 x 512, 41.4M parameters (arXiv:1908.08962)."""
    return _build(8, 512, 8, overrides)


def bert_base(**overrides):
    """BERT base uncased, 12 x 768, 109M parameters (arXiv:1810.04805)."""
    return _build(12, 768, 12, overrides)


def bert_large(**overrides):
    """BERT large uncased, 24 x 1024, 335M parameters (arXiv:1810.04805)."""
    return _build(24, 1024, 16, overrides)


def minilm_l6(**overrides):
    """MiniLM, 6 x 384, 22.7M parameters (arXiv:2002.10957)."""
    return _build(6, 384, 12, overrides)


def roberta_base(**overrides):
    """RoBERTa base, 12 x 768, 125M parameters (arXiv:1907.11692)."""
    roberta = {"vocabulary_size": 50265, "num_segments": 1, "position_offset": 2, "epsilon": 1e-5}
    return _build(12, 768, 12, {**roberta, **overrides})


def distilbert_base(**overrides):
    """DistilBERT base uncased, 6 x 768, 66M parameters (arXiv:1910.01108)."""
    return _build(6, 768, 12, {"num_segments": 0, "pooler": None, **overrides})


def _build(num_layers, hidden_dim, num_heads, overrides):
    sizes = {"num_layers": num_layers, "hidden_dim": hidden_dim, "num_heads": num_heads}
    return Bert(**{"vocabulary_size": 30522, **sizes, **overrides})
