"""One command for many tenants: which ones, in which order, by how many processes."""
