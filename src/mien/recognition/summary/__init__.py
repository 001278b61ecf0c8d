"""What a clip comes to: time in view, shares, transitions and strongest moments."""
