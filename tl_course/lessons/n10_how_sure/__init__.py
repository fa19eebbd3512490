"""Notebook 10: how sure is that?"""
