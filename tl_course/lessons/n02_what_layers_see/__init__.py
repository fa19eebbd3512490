"""Notebook 02: what the layers learnt to see."""
