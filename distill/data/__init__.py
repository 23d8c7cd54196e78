"""Datasets: read from what users have, dealt into three splits, kept in one canonical form."""

from distill.data.canonical import SplitData, open_split, write_split

__all__ = ["SplitData", "open_split", "write_split"]
