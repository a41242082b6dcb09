"""Joining runs that asked the same questions and sampled with seeds of their own."""
