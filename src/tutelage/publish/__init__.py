"""Publishing of a finished run's student: its model card, and its upload to the Hugging Face hub."""
