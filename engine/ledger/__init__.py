"""What Twinrow remembers, in one relational database: SQLite on one machine, PostgreSQL for several workers."""
