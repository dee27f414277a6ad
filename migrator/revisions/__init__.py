"""Version files as files: their headers, their history, and writing them safely."""
