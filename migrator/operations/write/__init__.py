"""Commands that write version files, and what they share."""
