"""How the bundled embedding model is made: collect sources, make pairs, train, evaluate.

    python -m training.collect   packages of the registries, listed in packages.tsv → source files
    python -m training.pairs     source files → pairs of a question and the code that answers it
    python -m training.train     pairs → indexer/embedding/code_model_data
    python -m training.evaluate  what the model is worth, beside others

docs/model.md says what comes of it. Nothing of this is needed, or installed, where pgdex runs.
"""
