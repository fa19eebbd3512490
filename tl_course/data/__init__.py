"""Inputs on one scale, labelled examples, sources to pretrain on and targets to adapt to."""
