"""From YAML text to a typed rule: form only, every fault with its line and remedy."""
