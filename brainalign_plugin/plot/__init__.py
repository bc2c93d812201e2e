"""Charts as Vega-Lite specifications: notebooks, reports and files show the same ones."""
