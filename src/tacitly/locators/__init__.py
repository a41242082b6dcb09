"""Where in an answer the exact answer stands, in characters and in tokens."""
