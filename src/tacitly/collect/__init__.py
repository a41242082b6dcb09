"""From questions to labelled, located answers with activations: the stages before anything is learned."""
