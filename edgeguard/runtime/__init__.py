"""The daemon: the one place that knows every room, puts them together, supervises them, and stops them."""
