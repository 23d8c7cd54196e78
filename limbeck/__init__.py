"""The client of Limbeck and its command line. Imports nothing of the server."""
