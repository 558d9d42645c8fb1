"""The database port, its two backends, and the tables that every service keeps beside its own."""
