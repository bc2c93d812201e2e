"""How sure: what the papers, the models and the cleaning that happened to be there leave open."""
