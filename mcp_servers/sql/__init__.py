"""Read-only SQL over SQLite and DuckDB files and over CSV, Parquet and XLSX files as tables."""
