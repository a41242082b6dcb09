"""Experiments: from rows, scores and activations to figures."""
