"""Many runs: search, comparison and ranking."""
