"""Results drawn over pictures and videos."""
