"""Measurements of the service, each beside something measured in the same run."""
