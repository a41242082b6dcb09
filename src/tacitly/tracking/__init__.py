"""Trackers that are told of a finished study: its settings, its metrics and its figures. None by default."""
