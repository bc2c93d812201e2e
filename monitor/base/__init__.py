"""Tools that every room uses: errors, files, logs, deadlines, templates, cache."""
