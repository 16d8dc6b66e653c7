"""The packaged demo: a small text classifier trained with and without a teacher."""
