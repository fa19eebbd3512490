"""Notebook 00, *Start here*: a learner draws digits, and four networks learn from them."""
