"""The only input and output of the library: connections to hosts, and what runs over them."""
