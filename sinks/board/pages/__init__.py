"""The pages, one module each: address, what is read, which template shows it."""
