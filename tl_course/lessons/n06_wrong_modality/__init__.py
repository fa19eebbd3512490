"""Notebook 06: can eyes hear?"""
