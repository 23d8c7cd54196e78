"""Real servers for the tests, started by the tests themselves on private sockets."""
