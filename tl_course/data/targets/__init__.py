"""Targets that a pretrained network is adapted to, and folders of your own pictures."""
