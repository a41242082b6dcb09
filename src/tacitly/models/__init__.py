"""The models that are asked: opened, recognised, prompted."""
