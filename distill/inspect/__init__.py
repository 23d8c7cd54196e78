"""Judge what users upload before anything is trained on it. No code of theirs ever runs."""
