"""Notebook 08: a task of your own."""
