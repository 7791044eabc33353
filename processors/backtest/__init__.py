"""What a back-test counts of each subject, and what of it may be shown: pure, no files, no processes."""
