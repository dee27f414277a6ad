"""Results as plain data: what an operation found or did."""
