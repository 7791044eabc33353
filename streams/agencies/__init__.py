"""What an agency does with the platform from outside: publish, read receipts, look after dead letters."""
