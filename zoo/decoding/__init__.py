"""Scores to answers: text generation, CTC decoding."""
