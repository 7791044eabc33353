"""Taking events back: found on the log, annulled there, and followed through to the offers."""
