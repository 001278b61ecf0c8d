"""One file a step; what has been released is never changed again."""
