"""Fine-tuning with LoRA: data, training, and what it changed."""
