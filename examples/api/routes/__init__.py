"""The HTTP routes, one router for each kind of thing."""
