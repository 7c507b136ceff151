"""Folders that nobody searches, and names that tell what a file is: the lists, with reasons.

Hidden files and folders are searched like others, because developers do search `.github`,
`.eslintrc.js` or `.devcontainer`; only what is listed here is left out.
"""

from collections.abc import Container
from dataclasses import dataclass

from pgdex.indexer.sources.skips import SkipReason

# Version control's own files. No ignore file brings these back.
VERSION_CONTROL = frozenset({b".git", b".hg", b".svn", b".bzr", b"_darcs", b".jj", b".pijul", b".sl", b".repo"})

# Everything below is left out without a row, unless .pgdexignore re-includes it (`!node_modules/`).
PRUNED = frozenset(
    {
        # what a package manager installs, and can install again
        b"node_modules",
        b"bower_components",
        b"jspm_packages",
        b"site-packages",
        b"dist-packages",
        b"__pypackages__",
        b".venv",
        b".virtualenv",
        b".eggs",
        b".bundle",
        b".yarn",
        b".pnpm-store",
        b".pixi",
        b".terraform",
        b".dart_tool",
        b"elm-stuff",
        # caches and build output that carry no mark of their own
        b"__pycache__",
        b".mypy_cache",
        b".pytest_cache",
        b".ruff_cache",
        b".hypothesis",
        b".tox",
        b".nox",
        b".cache",
        b".direnv",
        b".ipynb_checkpoints",
        b".gradle",
        b".stack-work",
        b".next",
        b".nuxt",
        b".svelte-kit",
        b".angular",
        b".parcel-cache",
        b".turbo",
        b".nyc_output",
        b".serverless",
        b".aws-sam",
        b"__MACOSX",
        # what an editor remembers about one person's desk (.vscode is shared on purpose: kept)
        b".idea",
        b".vs",
    }
)

# Packaging metadata that setuptools writes beside the sources.
PRUNED_SUFFIXES = (b".egg-info",)


@dataclass(frozen=True, slots=True)
class Marker:
    """A file or folder whose presence says what the folder around it is."""

    entry: bytes
    folder: bytes | None  # the end that the folder's path must have; None: any
    skip_detail: str | None  # what the one row about the folder says; None: no row at all


# Folders that are what they are by their content and not by their name: an `env` or a `vendor`
# may also be someone's source code (sellers have vendors). For the same reason third_party/ and
# a vendor/ without a package manager's list in it are searched: people copied and changed that.
MARKERS = (
    Marker(b"pyvenv.cfg", None, None),  # a Python virtual environment
    Marker(b"conda-meta", None, None),  # a conda environment
    Marker(b"CACHEDIR.TAG", None, None),  # bford.info/cachedir: cargo, pytest, ruff, ccache …
    Marker(b"Entries", b"CVS", None),  # CVS's own files, in every folder of a checkout
    Marker(b"modules.txt", b"vendor", "a folder of Go modules that `go mod vendor` copied"),
    Marker(b"autoload.php", b"vendor", "a folder of PHP packages that Composer installed"),
    Marker(b".cargo-checksum.json", None, "the folder of a Rust crate that `cargo vendor` copied"),
    Marker(b"Manifest.lock", b"Pods", "a folder of pods that CocoaPods installed"),
    Marker(b"ruby", b"vendor/bundle", "a folder of gems that Bundler installed"),
)


def is_pruned(name: bytes) -> bool:
    """Return whether a folder is left out for its name alone."""
    return name in PRUNED or name.endswith(PRUNED_SUFFIXES)


def marker_of(folder: bytes, names: Container[bytes]) -> Marker | None:
    """Return the marker among the entries `names` of a folder, given by its path."""
    for marker in MARKERS:
        if marker.entry in names and (marker.folder is None or (b"/" + folder).endswith(b"/" + marker.folder)):
            return marker
    return None


# Written by a package manager, read by nobody, and large: their words would drown the sources'.
LOCK_FILES = frozenset(
    {
        b"package-lock.json",
        b"npm-shrinkwrap.json",
        b"yarn.lock",
        b"pnpm-lock.yaml",
        b"bun.lock",
        b"deno.lock",
        b"poetry.lock",
        b"Pipfile.lock",
        b"pdm.lock",
        b"uv.lock",
        b"pixi.lock",
        b"conda-lock.yml",
        b"Cargo.lock",
        b"composer.lock",
        b"Gemfile.lock",
        b"go.sum",
        b"go.work.sum",
        b"mix.lock",
        b"rebar.lock",
        b"pubspec.lock",
        b"Podfile.lock",
        b"Package.resolved",
        b"packages.lock.json",
        b"gradle.lockfile",
        b"flake.lock",
        b"MODULE.bazel.lock",
        b".terraform.lock.hcl",
    }
)

# Names that a tool gives to its output and people do not use for their own files.
GENERATED_SUFFIXES = (
    b"_pb2.py",
    b"_pb2.pyi",
    b"_pb2_grpc.py",
    b".pb.go",
    b".pb.h",
    b".pb.cc",
    b".js.map",
    b".css.map",
    b".mjs.map",
    b".cjs.map",
    b".pnp.cjs",
    b".pnp.loader.mjs",
)


def skipped_by_name(name: bytes) -> tuple[SkipReason, str] | None:
    """Return why a file of this name is skipped unread, and the detail; None: it is read."""
    if name in LOCK_FILES:
        return SkipReason.GENERATED, "a lock file that a package manager writes"
    if name.endswith(GENERATED_SUFFIXES):
        return SkipReason.GENERATED, "named as a tool names its output"
    return None
