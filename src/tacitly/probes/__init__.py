"""Probes: what is trained on activations to tell right answers from wrong ones."""
