"""What is never learnt from: the repositories of a public benchmark, and copies of them in other packages."""

import re
from pathlib import PurePosixPath

# The model is judged on these. Their forks and companions go with them.
EXCLUDED = frozenset(
    """
    aiohttp fastapi flask httpx model2vec pydantic requests starlette axios express redux gin cobra chi gson
    commons-lang jackson-databind guzzle monolog laravel sinatra rack rails tokio trpc messagepack-csharp ktor cats
    alamofire click serde zod nlohmann-json phoenix axum vitest newtonsoft-json dapper kotlinx-coroutines exposed circe
    http4s vapor plug ecto abseil-cpp fmtlib curl redis libuv bats-core aeson telescope.nvim lazy.nvim zig nvm bash-it
    pandoc xmonad mini.nvim zls zig-clap rxswift nvim-lspconfig
    """.split()  # noqa: SIM905 -- a list of so many quoted words is three times as long and no easier to read
)
_COMPANIONS = frozenset(
    """
    illuminate activerecord activesupport activejob actionpack actionview activemodel railties rack serde_json
    serde_derive serde_yaml tokio_util absl abseil fmt nlohmann libcurl pydantic_core gin-gonic spf13 go-chi bats
    newtonsoft messagepack libcommons-lang-java libcommons-lang3-java jackson commons-lang3 lang3
    express-serve-static-core
    reduxjs flask_login click-plugins starlette hiredis superagent
    """.split()  # noqa: SIM905 -- as above, of many quoted words
)
_NAMES = EXCLUDED | _COMPANIONS
_COPIES = frozenset(
    {
        "vendor",
        "_vendor",
        "vendored",
        "node_modules",
        "third_party",
        "thirdparty",
        "third-party",
        "3rdparty",
        "external",
    }
    | {"extern", "deps", "godeps"}
)


def is_excluded_name(name: str) -> bool:
    """Whether a package is one of them or is made for one of them: "ruby-rack-test", "@trpc/server"."""
    lowered = name.lower()
    pieces = set(re.split(r"[-_./@+0-9]+", lowered))
    return bool(pieces & _NAMES) or any(re.search(rf"(^|\W){re.escape(one)}($|\W)", lowered) for one in _NAMES)


def is_excluded_path(path: str) -> bool:
    """Whether a file is one of theirs or a copy of another project's, told from the folders and its name."""
    parts = PurePosixPath(path.lower()).parts
    return any(part in _COPIES or part in _NAMES or part.rsplit(".", 1)[0] in _NAMES for part in parts)
