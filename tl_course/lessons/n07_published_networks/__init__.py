"""Notebook 07: published networks, which others trained."""
