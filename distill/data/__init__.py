"""Datasets: read from what users have, dealt into three splits, kept in one canonical form."""
