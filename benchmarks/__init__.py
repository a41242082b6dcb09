"""Ours against what people use now: `make bench`."""
