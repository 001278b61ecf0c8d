"""`mien webcam`: the command, its window's session and what that records."""
