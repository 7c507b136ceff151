"""Files that hold nothing but secrets: known by names that have no other use, or by what is in them.

The names are those on which gitleaks, GitHub's templates of .gitignore and git-secrets agree, less those that
also name ordinary sources (secrets.yaml is a template in most Helm charts, *.env a list of harmless defaults).
Nothing here ever says what is in such a file.
"""

import re
from typing import Final

# The whole name, in any letter case.
_NAMES: Final = {
    b".env": "environment variables, which hold passwords and keys",
    b".npmrc": "a user's npm settings, which hold the login",
    b".pypirc": "the PyPI login",
    b".netrc": "logins for other machines",
    b"_netrc": "logins for other machines",
    b".authinfo": "logins for other machines",
    b".pgpass": "PostgreSQL passwords",
    b"pgpass.conf": "PostgreSQL passwords",
    b".my.cnf": "the MySQL login",
    b".mylogin.cnf": "the MySQL login",
    b".git-credentials": "git logins",
    b".htpasswd": "password hashes",
    b".dockercfg": "logins for container registries",
    b".s3cfg": "keys of a storage service",
    b".boto": "keys of a storage service",
    b"rclone.conf": "keys of storage services",
    b".vault-token": "a Vault token",
    b"credentials.tfrc.json": "a Terraform token",
    b"terraform.tfvars": "Terraform variables of one installation, which hold passwords and keys",
    b"terraform.tfvars.json": "Terraform variables of one installation, which hold passwords and keys",
    b"id_rsa": "a private key",
    b"id_dsa": "a private key",
    b"id_ecdsa": "a private key",
    b"id_ecdsa_sk": "a private key",
    b"id_ed25519": "a private key",
    b"id_ed25519_sk": "a private key",
}
# The end of the name; where that is all of it (`.jks`), it is no such file.
_SUFFIXES: Final = {
    b".p12": "a private key with its certificate",
    b".pfx": "a private key with its certificate",
    b".ppk": "a private key",
    b".jks": "a key store",
    b".keystore": "a key store",
    b".kdbx": "a password safe",
    b".kdb": "a password safe",
    b".tfstate": "Terraform state, which holds every password in clear text",
    b".tfstate.backup": "Terraform state, which holds every password in clear text",
    b".auto.tfvars": "Terraform variables of one installation, which hold passwords and keys",
    b".auto.tfvars.json": "Terraform variables of one installation, which hold passwords and keys",
}
# The end of the path, for names that say nothing by themselves.
_PATHS: Final = {
    b".docker/config.json": "logins for container registries",
    b".aws/credentials": "AWS keys",
    b".kube/config": "the Kubernetes login",
    b".cargo/credentials": "the crates.io login",
    b".cargo/credentials.toml": "the crates.io login",
    b".gem/credentials": "the RubyGems login",
    b".composer/auth.json": "Composer logins",
    b".config/gh/hosts.yml": "the GitHub login",
    b".config/gcloud/application_default_credentials.json": "the Google Cloud login",
    b".azure/accesstokens.json": "the Azure login",
}
_ENDS: Final = tuple(_SUFFIXES)
_PATH_NAMES: Final = frozenset(path.rpartition(b"/")[2] for path in _PATHS)

# `.env.production` is one; what people copy to make one, and what only speaks of it, is none.
_ENV_PREFIX: Final = b".env."
_NO_ENV: Final = frozenset(
    {b"example", b"examples", b"sample", b"template", b"tpl", b"tmpl", b"dist", b"default", b"defaults", b"schema"}
    | {b"j2", b"erb", b"md", b"txt", b"ts", b"js", b"mjs", b"cjs", b"py", b"rb", b"php", b"go", b"sh"}
)

_BEGIN: Final = "-----BEGIN "
_ARMOUR = re.compile(r"-----BEGIN (?P<what>[A-Z0-9 ]{3,60})-----")
# What openssl writes around a key: "Bag Attributes", "    friendlyName: x", "Key Attributes: <No Attributes>".
_ATTRIBUTE = re.compile(r"#.*|[\w .]*:?|[\w .]{1,100}[:=].*")
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]{0,50}PRIVATE KEY(?: BLOCK)?-----")
_SERVICE_KEY = re.compile(r"\"private_key\"\s*:\s*\"-----BEGIN ")
_TOKENS = re.compile(
    r"\"(?:client_secret|refresh_token|access_token|private_key|password|secret|secret_?access_?key|api_?key)\"\s*:",
    re.IGNORECASE,
)
_TOKEN_FILES: Final = re.compile(r"(?:credentials|client_secrets?[^/]*|service[-_]?account[^/]*)\.json", re.IGNORECASE)


def secret_by_name(path: bytes) -> str | None:
    """Return what secret a file with this path (or only this name) holds, or None; it need not be read for that."""
    name = path.rpartition(b"/")[2].lower()
    if (what := _NAMES.get(name)) is not None:
        return what
    if name.startswith(_ENV_PREFIX) and name.rpartition(b".")[2] not in _NO_ENV:
        return _NAMES[b".env"]
    if name in _PATH_NAMES:
        lowered = b"/" + path.lower()
        for end, what in _PATHS.items():
            if lowered.endswith(b"/" + end):
                return what
    # One call for nearly all files: eleven took a twelfth of a walk.
    if name.endswith(_ENDS) and not name.startswith(b"."):
        for suffix, what in _SUFFIXES.items():
            if name.endswith(suffix):
                return what
    return None


def may_be_secret(name: str) -> bool:
    """Return whether only the content of a file of this name tells. Every job looks at it, since rules may change."""
    return name.lower().endswith((".pem", ".key")) or _TOKEN_FILES.fullmatch(name) is not None


def secret_by_content(name: str, text: str) -> str | None:
    """Return what secret the text of a file of this name is, or None.

    A private key and nothing else, whatever its name; a file named `*.key` with anything but public keys and
    certificates; a JSON file with the key of a service's account. A certificate is no secret, nor is a source or a
    page of documentation in which a key is quoted.
    """
    if "PRIVATE KEY" in text and _PRIVATE_KEY.search(text):
        if name.lower().endswith((".pem", ".key")) or _is_nothing_but_armour(text):
            return "a private key"
        if name.endswith(".json") and _SERVICE_KEY.search(text):
            return "the key of a service account"
    if name.lower().endswith(".key") and len(text) < 10_000 and _ARMOUR.search(text) is None and len(text.split()) == 1:
        return "a key"
    if _TOKEN_FILES.fullmatch(name) and _TOKENS.search(text):
        return "the login of a service"
    return None


def _is_nothing_but_armour(text: str) -> bool:
    """Whether all that is not a key or a certificate in its armour are attributes of it."""
    rest = []
    position = 0
    while (start := text.find(_BEGIN, position)) >= 0:
        begin = _ARMOUR.match(text, start)
        if begin is None or text[max(start - 1, 0)] not in "-\n":  # quoted, in the middle of a line
            return False
        rest.append(text[position:start])
        mark = f"-----END {begin['what']}-----"
        end = text.find(mark, begin.end())
        position = len(text) if end < 0 else end + len(mark)  # a key that was cut off is one
    rest.append(text[position:])
    return len(rest) > 1 and all(_ATTRIBUTE.fullmatch(line.strip()) for part in rest for line in part.split("\n"))
