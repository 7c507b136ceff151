"""Small source trees for tests."""

from pathlib import Path


def write_tree(root: Path, files: dict[str, str | bytes]) -> Path:
    """Make `files` (relative path to content) under `root`."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def module(number: int) -> str:
    """A Python module with two functions and a class, unlike any other number's."""
    return (
        f'"""Module {number}."""\n\nimport os\n\n\ndef load_{number}(path: str) -> str:\n'
        f'    """Load thing {number}."""\n    return os.path.join(path, "{number}")\n\n\n'
        f"class Thing{number}:\n    def run_{number}(self) -> int:\n        return {number}\n"
    )


def python_tree(root: Path, count: int) -> Path:
    """`count` modules in folders of 50."""
    return write_tree(root, {f"package_{i // 50}/module_{i}.py": module(i) for i in range(count)})
