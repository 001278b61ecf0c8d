"""`mien video`: the command, its choices, what it writes and how it goes on after a stop."""
