"""Work in processes of its own: how one starts, what it may say, how it is stopped, and how it ended."""
