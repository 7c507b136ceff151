"""Which language a file is written in, told from its name and, where needed, its first line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Language:
    """A language as pgdex shows it, stores it and filters by it.

    `grammar` names a grammar of tree-sitter-language-pack (`chunking/grammars.py`); None means that the language is cut
    by its headings, keys or statements where it has such, and else by lines.
    """

    name: str
    grammar: str | None


TEXT = Language("text", None)

# One row per language: name, grammar ("" for none, "=" for the one of the same name), then the
# extensions (".py") and whole file names ("Makefile") that mean it. Dialects that people search
# together share a name: a filter for "typescript" finds the .tsx files too.
_TABLE: tuple[tuple[str, str, str], ...] = (
    ("ada", "=", ".adb .ads"),
    ("asciidoc", "", ".adoc .asciidoc .asc"),
    ("asm", "", ".asm .s .S .nasm"),
    ("astro", "=", ".astro"),
    ("bash", "=", ".sh .bash .zsh .ksh .bats .ebuild .command PKGBUILD APKBUILD .bashrc .zshrc"),
    ("bash", "=", ".bash_profile .bash_aliases .profile .zprofile .envrc gradlew configure"),
    ("bicep", "=", ".bicep"),
    ("c", "=", ".c .idc"),
    # Whose a header is, its content says (see `dialects`); the C++ grammar reads those of C as well.
    ("c", "cpp", ".h"),
    ("cairo", "", ".cairo"),
    ("clojure", "=", ".clj .cljs .cljc .edn .bb"),
    ("cmake", "=", ".cmake CMakeLists.txt"),
    ("commonlisp", "=", ".lisp .lsp .cl .asd"),
    ("cpp", "=", ".cpp .cc .cxx .c++ .hpp .hh .hxx .h++ .ipp .inl .tpp .tcc .txx .ino .cppm .ixx"),
    ("crystal", "", ".cr"),
    ("csharp", "=", ".cs .csx"),
    ("css", "=", ".css"),
    ("csv", "", ".csv .tsv .psv"),
    ("cuda", "=", ".cu .cuh"),
    ("d", "=", ".d .di"),
    ("dart", "=", ".dart"),
    ("diff", "", ".diff .patch"),
    ("dockerfile", "", ".dockerfile .containerfile Dockerfile Containerfile"),
    # Documents: their text is extracted (see `documents`).
    ("docx", "", ".docx"),
    ("elisp", "=", ".el .emacs"),
    ("elixir", "=", ".ex .exs"),
    ("elm", "=", ".elm"),
    ("erlang", "=", ".erl .hrl .escript rebar.config"),
    ("fish", "=", ".fish"),
    ("fortran", "=", ".f90 .f95 .f03 .f08 .F90"),
    # In fixed form, which the grammar can't read: cut by the heads of its subroutines.
    ("fortran", "", ".f .for .ftn .f77"),
    ("fsharp", "=", ".fs .fsx"),
    ("gdscript", "=", ".gd"),
    ("gleam", "=", ".gleam"),
    ("glsl", "=", ".glsl .vert .frag .geom .comp .tesc .tese"),
    ("go", "=", ".go"),
    ("graphql", "=", ".graphql .gql .graphqls"),
    ("groovy", "", ".groovy .gradle .gvy Jenkinsfile"),
    ("haskell", "=", ".hs"),
    ("haxe", "", ".hx"),
    ("hcl", "=", ".hcl .nomad"),
    ("html", "=", ".html .htm .xhtml"),
    ("ini", "", ".ini .cfg .desktop .service .socket .timer .target .mount .editorconfig"),
    ("ini", "", ".gitconfig .gitmodules .npmrc .pylintrc .flake8 .coveragerc .inf .reg"),
    ("java", "=", ".java"),
    ("javascript", "=", ".js .mjs .cjs .jsx .es6 .jsm .gs Jakefile"),
    ("json", "", ".json .jsonc .json5 .geojson .webmanifest .topojson .avsc .code-workspace"),
    ("json", "", ".jsonl .ndjson .har .babelrc .eslintrc .prettierrc composer.lock"),
    ("json", "", ".tfstate .swcrc .arcconfig Pipfile.lock flake.lock"),
    ("jsonnet", "", ".jsonnet .libsonnet"),
    ("julia", "=", ".jl"),
    # The grammar is that of Python; a notebook says itself if its cells are in another language.
    ("jupyter", "python", ".ipynb"),
    ("kotlin", "=", ".kt .kts"),
    ("latex", "", ".tex .sty .ltx .bib"),
    ("lua", "=", ".lua .rockspec"),
    ("luau", "=", ".luau"),
    ("make", "=", ".mk .mak Makefile makefile GNUmakefile Makefile.am Makefile.in Kbuild"),
    ("markdown", "", ".md .markdown .mdx .mkd .mdown .qmd .rmd .Rmd"),
    # Told from Objective-C by the first line.
    ("matlab", "=", ""),
    ("mermaid", "", ".mmd .mermaid"),
    ("meson", "", "meson.build meson_options.txt"),
    ("nim", "=", ".nim .nims .nimble"),
    ("ninja", "", ".ninja"),
    ("nix", "=", ".nix"),
    ("objc", "=", ".m .mm"),
    ("ocaml", "=", ".ml"),
    ("ocaml", "ocaml_interface", ".mli"),
    ("odin", "", ".odin"),
    ("org", "", ".org"),
    ("pascal", "=", ".pas .pp .dpr .lpr"),
    ("pdf", "", ".pdf"),
    ("perl", "", ".pl .pm .t .psgi .plx Makefile.PL cpanfile"),
    ("php", "=", ".php .phtml .php3 .php4 .php5 .php7 .phps .inc"),
    ("po", "", ".po .pot"),
    ("powershell", "=", ".ps1 .psm1 .psd1"),
    ("prisma", "=", ".prisma"),
    ("properties", "", ".properties .env .conf .dotenv"),
    ("protobuf", "proto", ".proto"),
    ("purescript", "", ".purs"),
    ("puppet", "", ".epp"),
    ("python", "=", ".py .pyi .pyw .pyx .pxd .py3 .wsgi .gyp .gypi SConstruct SConscript wscript"),
    ("r", "=", ".r .R .Rprofile"),
    ("racket", "scheme", ".rkt"),
    ("rego", "", ".rego"),
    ("rst", "", ".rst .rest"),
    ("ruby", "=", ".rb .rake .gemspec .ru .podspec .jbuilder .thor .rbi .rabl Rakefile Gemfile"),
    ("ruby", "=", "Vagrantfile Guardfile Podfile Fastfile Appfile Capfile Brewfile Berksfile"),
    ("rust", "=", ".rs"),
    ("scala", "=", ".scala .sc .sbt"),
    ("scheme", "=", ".scm .ss .sld"),
    ("scss", "=", ".scss"),
    ("less", "scss", ".less"),
    ("sass", "", ".sass .styl"),
    ("solidity", "=", ".sol"),
    ("sql", "", ".sql .ddl .dml .pgsql .psql .pls .plsql .pks .pkb .mysql .tsql .prc"),
    ("starlark", "=", ".bzl .star .bazel BUILD WORKSPACE BUCK Tiltfile"),
    ("svelte", "=", ".svelte"),
    ("swift", "=", ".swift"),
    ("systemverilog", "verilog", ".sv .svh"),
    ("tcl", "", ".tcl .tk .exp"),
    ("terraform", "hcl", ".tf .tfvars .tofu"),
    ("text", "", ".txt .text .log LICENSE LICENCE COPYING NOTICE AUTHORS README CHANGELOG"),
    ("thrift", "=", ".thrift"),
    ("toml", "", ".toml Cargo.lock poetry.lock uv.lock pdm.lock Gopkg.lock Pipfile"),
    ("twig", "", ".twig"),
    ("typescript", "=", ".ts .mts .cts"),
    ("typescript", "tsx", ".tsx"),
    ("typst", "", ".typ"),
    ("v", "=", ".vv .vsh"),
    ("verilog", "=", ".v .vh"),
    ("vhdl", "", ".vhd .vhdl"),
    ("vim", "=", ".vim .vimrc .gvimrc .exrc"),
    ("vue", "=", ".vue"),
    ("wgsl", "", ".wgsl"),
    ("xml", "=", ".xml .xsd .xsl .xslt .svg .rss .atom .plist .csproj .vbproj .fsproj .props"),
    ("xml", "=", ".targets .nuspec .resx .xaml .wsdl .xlf .xliff .storyboard .xib .ui .pom .kml"),
    ("yaml", "", ".yaml .yml .eyaml .sls .cff .yamllint .clang-format .clang-tidy .clangd"),
    ("yaml", "", "CITATION.cff .travis.yml pnpm-lock.yaml pubspec.lock"),
    ("zig", "=", ".zig .zon"),
)

_INTERPRETERS: Mapping[str, str] = MappingProxyType(
    {
        "sh": "bash",
        "bash": "bash",
        "dash": "bash",
        "ksh": "bash",
        "zsh": "bash",
        "ash": "bash",
        "bats": "bash",
        "fish": "fish",
        "python": "python",
        "pypy": "python",
        "uv": "python",
        "node": "javascript",
        "nodejs": "javascript",
        "bun": "javascript",
        "deno": "typescript",
        "ts-node": "typescript",
        "tsx": "typescript",
        "ruby": "ruby",
        "jruby": "ruby",
        "perl": "perl",
        "php": "php",
        "lua": "lua",
        "luajit": "lua",
        "tclsh": "tcl",
        "wish": "tcl",
        "expect": "tcl",
        "rscript": "r",
        "julia": "julia",
        "escript": "erlang",
        "elixir": "elixir",
        "groovy": "groovy",
        "scala": "scala",
        "kotlin": "kotlin",
        "swift": "swift",
        "pwsh": "powershell",
        "powershell": "powershell",
        "make": "make",
        "racket": "racket",
        "guile": "scheme",
        "sbcl": "commonlisp",
        "emacs": "elisp",
        "shell-script": "bash",  # an editor's mode: Emacs calls all shells so
        "osascript": "applescript",
        "ocaml": "ocaml",
        "runghc": "haskell",
        "runhaskell": "haskell",
        "nix": "nix",
        "dart": "dart",
        "crystal": "crystal",
        "nim": "nim",
        "zig": "zig",
    }
)

# Endings that say "this becomes the file named by the rest": nginx.conf.j2, config.yml.example.
_TEMPLATE_ENDINGS = frozenset(
    {".j2", ".jinja", ".jinja2", ".in", ".tmpl", ".tpl", ".template", ".erb", ".mustache", ".hbs"}
    | {".gotmpl", ".ejs", ".liquid", ".example", ".sample", ".dist", ".default", ".orig", ".bak"}
    | {".old"}
)

# An extension that several languages use, told apart by the first line.
_BY_FIRST_LINE: tuple[tuple[str, re.Pattern[str], str], ...] = (
    (".m", re.compile(r"\s*(?:%|function\b|classdef\b|clear\b|clc\b)"), "matlab"),
    (".v", re.compile(r"\s*(?:module\s+\w+\s*$|import\s+\w+\s*$|fn\s)"), "v"),
    (".pp", re.compile(r"\s*(?:#|class\s+\w+(?:::\w+)*|define\s+\w|node\s)"), "puppet"),
    (".ts", re.compile(r"\s*<\?xml"), "xml"),
    (".inc", re.compile(r"\s*(?:#include|#ifndef|//|/\*)"), "cpp"),
    (".d", re.compile(r"\S+\.o\s*:"), "make"),
    (".cls", re.compile(r"\s*[%\\]"), "latex"),
    (".t", re.compile(r"\s*#!.*\bpython"), "python"),
)

_CONTENT_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\s*<\?php"), "php"),
    (re.compile(r"\s*<\?xml"), "xml"),
    (re.compile(r"\s*<(?:!doctype\s+html|html)\b", re.IGNORECASE), "html"),
    (re.compile(r"%YAML\b"), "yaml"),
)

_MODELINE = re.compile(r"-\*-\s*(?:.*?mode:\s*)?([\w+-]+)\s*(?:;.*)?-\*-|\bvim?:.*\bft=(\w+)")
_SHEBANG = re.compile(r"#!\s*\S*?([^\s/]+)(?:\s+(.*))?$")
_VERSION = re.compile(r"[-.\d]+$")


def _read_table() -> tuple[dict[str, Language], dict[str, Language], dict[str, Language]]:
    by_extension: dict[str, Language] = {}
    by_file_name: dict[str, Language] = {}
    by_name: dict[str, Language] = {}
    for name, grammar, patterns in _TABLE:
        language = Language(name, name if grammar == "=" else grammar or None)
        by_name.setdefault(name, language)
        for pattern in patterns.split():
            if pattern.startswith(".") and pattern.count(".") == 1:
                by_extension[pattern] = language
            else:
                by_file_name[pattern] = language
    return by_extension, by_file_name, by_name


_BY_EXTENSION, _BY_FILE_NAME, _BY_NAME = _read_table()

NAMES: tuple[str, ...] = tuple(sorted(_BY_NAME))
"""Every name that `language_of` can answer with."""

LANGUAGES: frozenset[Language] = frozenset({*_BY_EXTENSION.values(), *_BY_FILE_NAME.values(), *_BY_NAME.values()})
"""Everything that `language_of` can answer with."""


def language_named(name: str) -> Language:
    """The language of this name in any letter case; "text" for one that is not known."""
    return _BY_NAME.get(name.lower(), TEXT)


def language_of(path: str, first_line: str = "") -> Language:
    """The language of the file at `path`, of which `first_line` is the first line if it is known.

    Looks at the file's whole name, then at its extension, then at a shebang or an editor's mode
    line. Answers the language "text" for anything else, never None.
    """
    file_name = path.replace("\\", "/").rsplit("/", 1)[-1]
    language = _by_file_name(file_name, first_line)
    if language is None and first_line:
        language = _by_first_line(first_line)
    return language or TEXT


def _by_file_name(file_name: str, first_line: str) -> Language | None:
    while file_name:
        known = _BY_FILE_NAME.get(file_name)
        if known is not None:
            return known
        stem, dot, last = file_name.rpartition(".")
        if not dot:
            break
        extension = "." + last
        for ambiguous, pattern, name in _BY_FIRST_LINE:
            if extension == ambiguous and pattern.match(first_line):
                return _BY_NAME[name]
        known = _BY_EXTENSION.get(extension) or _BY_EXTENSION.get(extension.lower())
        if known is not None:
            return known
        if extension.lower() not in _TEMPLATE_ENDINGS:
            # "Dockerfile.dev", "Makefile.linux": the name comes first, the variant after it.
            return _BY_FILE_NAME.get(file_name.split(".", 1)[0])
        file_name = stem
    return None


def _by_first_line(first_line: str) -> Language | None:
    first_line = first_line[:500].lstrip("\ufeff")
    shebang = _SHEBANG.match(first_line.rstrip())
    if shebang is not None:
        return _by_interpreter(shebang[1], shebang[2] or "")
    mode = _MODELINE.search(first_line)
    if mode is not None:
        name = (mode[1] or mode[2]).lower()
        return _BY_NAME.get(_INTERPRETERS.get(name, name))
    for pattern, name in _CONTENT_MARKS:
        if pattern.match(first_line):
            return _BY_NAME[name]
    return None


def _by_interpreter(program: str, arguments: str) -> Language | None:
    if program == "env":
        # "env -S VAR=1 python3 -u": the program is the first word that is neither.
        words = (w for w in arguments.split() if not w.startswith("-") and "=" not in w)
        program = next(words, "").rsplit("/", 1)[-1]
    name = _INTERPRETERS.get(_VERSION.sub("", program).lower())
    return _BY_NAME.get(name) if name is not None else None
