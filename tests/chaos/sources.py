"""Repositories that change from one job to the next, in which no two chunks are alike.

What is embedded of a file names its repository, its number and the generation that it was last changed in, so that
each text has to be embedded once in the whole run, and whatever is embedded again is work done twice.
"""

FUNCTIONS = 5  # chunks of a module: a batch of eight is two requests to the embedding service
LINES = 12
MAX_FILE_BYTES = 20_000
Files = dict[str, bytes]
LONG_AGO_SECONDS = 3600.0  # a file that is newer than its reading is looked at again by the next job


def generation_of(label: str, generation: int, *, modules: int) -> Files:
    """Every file of the repository, by its path."""
    files: Files = {
        f"{label}_{number // 25}/module_{number}.py": module_of(label, number, str(_version(number, generation)))
        for number in range(modules)
        if (number + 2 * generation) % 13
    }
    skipped: dict[str, str | bytes] = {
        "image.bin": b"\x89PNG\0\1\2" * 50,
        "empty.py": "",
        "bundle.min.js": "var a=1;" * 1000,
        "large.txt": "a line of text\n" * (MAX_FILE_BYTES // 10),
        "broken.txt": b"\x81\x8d\x8f\x90\x9d" * 50,
        "node_modules/left/index.js": "module.exports = 1\n",
        # Skipped in every other generation, for what it holds.
        "turns.py": f"turn_{label}_{generation} = 1\n" if generation % 2 else b"\0\1\2\3",
    }
    for name, content in skipped.items():
        files[f"{label}_odd/{name}"] = content.encode() if isinstance(content, str) else content
    return files


def _version(number: int, generation: int) -> int:
    """The generation in which a module was last changed."""
    return generation if generation == 0 or (number + generation) % 4 else generation - 1


def module_of(label: str, number: int, version: str) -> bytes:
    """The module with that number, as it was last changed in that version."""
    functions = (_function(f"{label}_{number}_{part}_v{version}") for part in range(FUNCTIONS))
    return f'"""Module {number} of {label}."""\n\n\n{"".join(functions)}'.encode()


def _function(name: str) -> str:
    lines = "".join(f'    value_{k + 1} = transform(value_{k}, "{name}", step={k}, exact=True)\n' for k in range(LINES))
    return f'def load_{name}(value_0: str) -> str:\n    """Load {name}."""\n{lines}    return value_{LINES}\n\n\n'
