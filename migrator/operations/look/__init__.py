"""Commands that read revisions and databases, and what they share."""
