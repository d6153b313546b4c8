"""Tables of mistakes and of the edits that their messages ask for."""
