"""The files of a project: stacks, locks, host trees, the files beside them."""
