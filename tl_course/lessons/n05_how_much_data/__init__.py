"""Notebook 05: ten images or a thousand?"""
