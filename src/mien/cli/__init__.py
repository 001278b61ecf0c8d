"""The `mien` command: one file a command; `main` joins them and turns errors into words."""
