"""What options and hand-written modules open beside the plan."""
