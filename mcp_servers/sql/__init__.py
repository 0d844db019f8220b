"""Read-only SQL over SQLite, DuckDB and PostgreSQL, and over CSV, Parquet and XLSX files as tables."""
