"""Results as tables: one row a face and frame, written so that what is there stays whole."""
