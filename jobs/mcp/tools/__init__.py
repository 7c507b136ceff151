"""The tools, one module each. A docstring of a tool is what the model reads about it."""
