"""The rules, by what the statements they find do."""
