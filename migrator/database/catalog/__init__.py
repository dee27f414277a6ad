"""What a database holds, the comparison of two databases, and the SQL for what Alembic does not see."""
