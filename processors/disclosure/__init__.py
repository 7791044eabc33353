"""Weekly counts for policy analysts, and the disclosure control they pass before anybody sees them."""
