"""The ledger: which film is where on its way, in plain numbers and text."""
