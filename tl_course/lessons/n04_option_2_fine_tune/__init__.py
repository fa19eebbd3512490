"""Notebook 04: let everything move."""
