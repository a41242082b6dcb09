"""Is an answer right: one file per way of telling."""
