"""The pictures of a report, as shapes for the page to draw."""
