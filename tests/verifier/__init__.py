"""A separate program that proves from topics, databases and inboxes what the platform promises."""
