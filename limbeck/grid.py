"""A table for people: as wide as what is in it, without lines."""

from rich.table import Table


def grid(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
