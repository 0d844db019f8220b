"""Course notes, glossary and lesson map, searchable, with stable citation ids."""
