"""Which files are left out because they hold secrets, and which are not."""

import os
from pathlib import Path

import pytest

from pgdex.indexer.sources import Skipped, SkipReason, read_source, walk
from pgdex.indexer.sources.secrets import secret_by_name
from tests.unit.source_files import LIMIT, paths, read, skipped, skips, text_of, write

KEY = """\
-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ
-----END OPENSSH PRIVATE KEY-----
"""
CERTIFICATE = (
    "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBa\n-----END CERTIFICATE-----\n"
)


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".env.production", ".env.local", ".ENV", "deploy/.env", ".env.staging.local"),
        *(".npmrc", ".pypirc", ".netrc", "_netrc", ".pgpass", ".git-credentials", ".htpasswd", ".my.cnf"),
        *("id_rsa", ".ssh/id_ed25519", "id_ecdsa", "id_dsa", "login.ppk"),
        *("store.p12", "store.pfx", "app.jks", "release.keystore", "safe.kdbx", "prod.tfstate", "x.tfstate.backup"),
        *(".docker/config.json", "home/.aws/credentials", ".kube/config", ".cargo/credentials.toml"),
        *("terraform.tfvars", "prod.auto.tfvars", "rclone.conf", ".s3cfg"),
    ],
)
def test_names_of_files_that_hold_nothing_but_secrets(path: str) -> None:
    assert secret_by_name(path.encode()) is not None


@pytest.mark.parametrize(
    "path",
    [
        *(".env.example", ".env.sample", ".env.template", ".env.dist", ".env.local.example", ".env.d.ts", ".envrc"),
        *("environment.py", "env.ts", "key.py", "keys.ts", "test.pem.py", "secrets.py", "secret.go", "passwords.md"),
        *("id_rsa.pub", "id_ed25519.pub", "docker/config.json", "config.json", "kube/config", "aws/credentials.py"),
        *("credentials.py", "credentials.ts", "netrc.py", "npmrc.md", "variables.tf", "prod.tfvars", "secrets.yaml"),
        *(".jks", ".keystore", "keystore.py", "env/main.py", ".env/bin/python", "pem.c", "settings.env"),
    ],
)
def test_names_that_only_sound_like_secrets(path: str) -> None:
    assert secret_by_name(path.encode()) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("server.pem", KEY),
        ("server.key", KEY),
        ("deploy_key", KEY),
        ("both.pem", CERTIFICATE + KEY),
        ("old.txt", "Bag Attributes\n    friendlyName: me\nKey Attributes: <No Attributes>\n" + KEY),
        ("me.asc", KEY.replace("OPENSSH PRIVATE KEY", "PGP PRIVATE KEY BLOCK")),
        ("rsa.pem", KEY.replace("OPENSSH ", "RSA ").replace("\n", "\r\n")),
        ("master.key", "0123456789abcdef0123456789abcdef"),
        ("gcp.json", '{"type": "service_account", "private_key": "-----BEGIN PRIVATE KEY-----\\nMII"}'),
        ("credentials.json", '{"installed": {"client_id": "x", "client_secret": "y"}}'),
        ("service-account.json", '{"private_key": "x"}'),
    ],
)
def test_what_a_file_holds_tells_a_secret_and_is_never_shown(tmp_path: Path, name: str, content: str) -> None:
    result = read(tmp_path, content.encode(), name)

    assert skipped(result) is SkipReason.SECRET
    assert "b3Blbn" not in repr(result)
    assert "0123456789" not in repr(result)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ca.pem", CERTIFICATE),
        ("public.pem", "-----BEGIN PUBLIC KEY-----\nMIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8A\n-----END PUBLIC KEY-----\n"),
        ("repo.key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\nmQINBF\n-----END PGP PUBLIC KEY BLOCK-----\n"),
        ("test_keys.py", f'import ssl\n\nKEY = """{KEY}"""\n'),
        ("keys.md", f"# Keys\n\nA private key looks like this, and nobody else may see it:\n\n{KEY}"),
        ("credentials.json", '{"title": "Credentials", "fields": ["name"]}'),
        ("de.key", "greeting = Hallo\nfarewell = Tschuss\n"),
        ("detect.go", 'var marker = "-----BEGIN RSA PRIVATE KEY-----"\n'),
    ],
)
def test_public_keys_and_sources_that_speak_of_keys_are_indexed(tmp_path: Path, name: str, content: str) -> None:
    assert text_of(read(tmp_path, content.encode(), name)) == content


def test_the_walk_leaves_secrets_out_with_a_row(tmp_path: Path) -> None:
    write(tmp_path, ".env", "a.py", "d/.npmrc", ".env.example")

    assert {path: reason for path, (reason, _) in skips(tmp_path).items()} == {
        ".env": SkipReason.SECRET,
        "d/.npmrc": SkipReason.SECRET,
    }


def test_pgdexignore_brings_secrets_back_by_name_and_by_content(tmp_path: Path) -> None:
    write(tmp_path, ".env", "d/.npmrc", "d/e/.pgpass")
    write(tmp_path, "server.pem", "d/other.pem", content=KEY)
    write(tmp_path, ".pgdexignore", content="!.env\n!/server.pem\n")
    write(tmp_path, "d/.pgdexignore", content="!.npmrc\n")

    assert skips(tmp_path).keys() == {"d/e/.pgpass"}
    assert text_of(read_source(tmp_path, "server.pem", max_file_bytes=LIMIT)) == KEY
    assert skipped(read_source(tmp_path, "d/other.pem", max_file_bytes=LIMIT)) is SkipReason.SECRET
    assert "d/.npmrc" in paths(tmp_path)


def test_a_secret_told_by_its_content_is_looked_at_by_every_job(tmp_path: Path) -> None:
    write(tmp_path, "server.pem", content=KEY)
    os.utime(tmp_path / "server.pem", (1, 1))

    result = read_source(tmp_path, "server.pem", max_file_bytes=LIMIT)

    assert isinstance(result, Skipped)
    assert (result.reason, result.content_hash) == (SkipReason.SECRET, None)
    assert [file.skip_reason for file in walk(tmp_path)] == [None]
