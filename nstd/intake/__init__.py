"""How films come in: folders watched, files that have settled, jobs made of them."""
