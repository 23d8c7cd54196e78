"""The queue door: claims work, runs it in a process of its own, and keeps what it makes."""
