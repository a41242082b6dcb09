"""A model behind an OpenAI-compatible address, whose answers come with their detector's scores."""
