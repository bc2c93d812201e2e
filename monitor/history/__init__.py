"""Changes over time: series of figures, alerts, and the causes of a change."""
