"""The report of a job, rendered from its `report.json`."""
