"""The generated part of docs/: reference pages from the code that they describe. `make reference` writes them.

Not a part of the wheel. It may import everything of pgdex; nothing of pgdex imports it.
"""
