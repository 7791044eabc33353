"""`headwater demo`: a synthetic town's year through the whole platform, and whether it came out right."""
