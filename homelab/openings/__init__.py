"""What options and hand-written modules open that is not in the plan."""
