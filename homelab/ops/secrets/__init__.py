"""Read, derive and look up secrets."""
