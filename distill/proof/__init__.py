"""The proof of what a job hands out: each file in a process of its own, as its user would run it."""
