"""The command line: parse, call, render. Nothing below imports it."""
