"""Baselines and controls: what can be told about an answer without looking inside the model."""
