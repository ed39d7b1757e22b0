"""How work gets into the ledger, and how it is steered there."""
