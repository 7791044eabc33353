"""What `python -m bench` measures: a module for each part, a function that returns rows."""
