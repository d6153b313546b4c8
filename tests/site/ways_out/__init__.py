"""Each message's way out, followed: a stack that is wrong, and what its reader writes then."""
