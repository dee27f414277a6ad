"""PostgreSQL's enum types: finding, changing and dropping them."""
