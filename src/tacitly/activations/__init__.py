"""States of answers: which tokens, how they are read, where they are kept."""
