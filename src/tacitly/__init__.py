"""tacitly: find out, from what goes on inside a language model, when its answer is wrong."""
