"""The database itself: engines, locks, its tables, and the models it is compared with."""
