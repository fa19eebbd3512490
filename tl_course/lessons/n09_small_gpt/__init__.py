"""Notebook 09: a small GPT."""
