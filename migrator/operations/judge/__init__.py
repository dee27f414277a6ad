"""Commands that judge revisions and schemas, and what they share."""
