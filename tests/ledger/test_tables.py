"""What must be true of every table."""

from ledger.tables import Table

BELONGS_TO_NOBODY = {"projects", "blobs", "blob_references", "leases", "workers", "signing_keys"}
"""Projects themselves, bytes that projects share by their hash, the machinery, and whose signature it is."""


def test_every_row_carries_its_project():
    without = {
        name
        for name, table in Table.metadata.tables.items()
        if "project_id" not in table.columns or table.columns["project_id"].nullable
    }

    assert without == BELONGS_TO_NOBODY


def test_every_constraint_has_a_name():
    unnamed = [
        (table.name, constraint)
        for table in Table.metadata.tables.values()
        for constraint in table.constraints
        if not constraint.name
    ]

    assert unnamed == []
