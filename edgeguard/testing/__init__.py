"""Shipped fakes for tests of this package and of those built on it; no room imports them."""
