"""Can the figures of a study be trusted? Told from its files, not from the figures."""
