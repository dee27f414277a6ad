"""What the application connects to."""
