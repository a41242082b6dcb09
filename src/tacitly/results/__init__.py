"""The stages after the states: what is learned from labelled answers, and the report."""
