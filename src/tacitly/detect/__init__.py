"""Scoring answers that exist already, with a detector of the model that wrote them."""
