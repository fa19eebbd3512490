"""Notebook 01: a million drawings of cats, cars and people."""
