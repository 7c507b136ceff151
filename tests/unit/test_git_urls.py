"""Addresses of git repositories: what is taken, what is refused and how, and what is one and the same."""

from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgdex.indexer.git import GitUrl, SourceRefused, require_allowed
from pgdex.indexer.git.urls import without_credentials

SECRET = "s3cr3t-Pa55"


def refusal(text: str) -> str:
    with pytest.raises(SourceRefused) as refused:
        GitUrl.parse(text)
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "scheme", "given", "identity"),
    [
        ("https://github.com/team/repo", "https", "https://github.com/team/repo", "github.com/team/repo"),
        ("HTTPS://GitHub.COM:443/team/Repo.git/", "https", "https://github.com/team/Repo.git", "github.com/team/Repo"),
        ("https://host:8443/a/b.git", "https", "https://host:8443/a/b.git", "host:8443/a/b"),
        ("https://host/a%20b/c", "https", "https://host/a%20b/c", "host/a b/c"),
        ("https://host/%7Euser/c", "https", "https://host/~user/c", "host/~user/c"),
        ("ssh://git@host:22/team/repo.git", "ssh", "ssh://git@host/team/repo.git", "host/team/repo"),
        ("ssh://host:2222/team/repo", "ssh", "ssh://host:2222/team/repo", "host:2222/team/repo"),
        ("git@host:team/repo.git", "ssh", "git@host:team/repo.git", "host/team/repo"),
        ("host:team/repo", "ssh", "host:team/repo", "host/team/repo"),
        ("git@host:/srv/git/x.git", "ssh", "ssh://git@host/srv/git/x.git", "host/srv/git/x"),
        ("git@host:~me/100%/x", "ssh", "git@host:~me/100%/x", "host/~me/100%/x"),
        ("ssh://git@[::1]:2222/x.git", "ssh", "ssh://git@[::1]:2222/x.git", "[::1]:2222/x"),
        ("https://host./x", "https", "https://host/x", "host/x"),
        ("https://host//a///b", "https", "https://host/a/b", "host/a/b"),
        ("https://host/.git", "https", "https://host/.git", "host/.git"),
    ],
)
def test_an_address_is_taken_apart(text: str, scheme: str, given: str, identity: str) -> None:
    url = GitUrl.parse(text)
    assert (url.scheme, url.text, url.identity) == (scheme, given, identity)


def test_all_spellings_of_a_repository_have_one_identity() -> None:
    spellings = [
        *(
            "https://git.example.com/team/repo.git",
            "https://GIT.example.com:443/team/repo/",
            "ssh://git.example.com/team/repo",
        ),
        *(
            "git@git.example.com:team/repo.git",
            "git@git.example.com:/team/repo",
            "ssh://me@git.example.com:22/team/repo.git",
        ),
    ]
    assert {GitUrl.parse(spelling).identity for spelling in spellings} == {"git.example.com/team/repo"}


def test_a_file_source_is_its_real_path_however_it_is_spelled(tmp_path: Path) -> None:
    repository = tmp_path / "a b" / "repo.git"
    repository.mkdir(parents=True)
    (tmp_path / "link").symlink_to("a b")
    spellings = [
        *(str(repository), f"file://{repository}", f"file://localhost{quote(str(repository))}"),
        *(f"{tmp_path}/link/repo.git/", f"{tmp_path}/./link/../a b/repo.git"),
    ]
    assert {GitUrl.parse(spelling).identity for spelling in spellings} == {str(repository.resolve())}
    assert {GitUrl.parse(spelling).text for spelling in spellings} == {str(repository.resolve())}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("http://host/x", "use https://"),
        ("git://host/x", "use https:// or ssh://"),
        ("ext::sh -c touch% /tmp/x", "run a program"),
        ("fd::17/x", "run a program"),
        ("foo::https://host/x", "begin with foo::"),
        ("ftp://host/x", "is not supported"),
        ("--upload-pack=touch /tmp/x", "begin with '-'"),
        ("-x", "begin with '-'"),
        ("ssh://-oProxyCommand=x/y", "not begin with a hyphen"),
        ("git@-oProxyCommand=x:y", "not begin with a hyphen"),
        ("ssh://-x@host/y", "leave it out"),
        ("https://host/-x", "begin with '-'"),
        ("host:-x", "begin with '-'"),
        ("https://host/a/../b", "'..'"),
        ("https://host/a/%2e%2e/b", "'..'"),
        ("https://host/a%2Fb", "%2F"),
        ("https://host/a%zz", "%25"),
        ("https://host/a%00b", "control characters"),
        ("https://host/a%ff", "not UTF-8"),
        ("https://host/a\nb", "control characters"),
        ("https://host/a\x85b", "control characters"),
        ("https://host/a b", "%20"),
        ("https://host/a\\b", "backslash"),
        ("https:///team/repo", "names no host"),
        ("https://host", "no repository"),
        ("https://host/", "no repository"),
        ("https://host:0/x", "from 1 to 65535"),
        ("https://host:65536/x", "from 1 to 65535"),
        ("https://host:99999999999999999999/x", "from 1 to 65535"),
        ("https://host:8x/x", "told apart"),
        ("https://höst/x", "xn--"),
        ("https://ho st/x", "letters, digits"),
        ("file://elsewhere/x", "no host"),
        ("file://-x/y", "no host"),
        ("", "is empty"),
        ("  ", "is empty"),
        ("repo", "pgdex supports; use"),
        ("./repo", "pgdex supports; use"),
        ("https://host/" + "x" * 3_000, "the limit is"),
        ("https://host/x\ud800", "not valid UTF-8"),
    ],
)
def test_what_is_refused_says_what_to_do(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        f"https://user:{SECRET}@host/x",
        f"https://{SECRET}@host/x",
        f"https://:{SECRET}@host/x",
        f"https://user:{SECRET}@@host/x",
        f"http://user:{SECRET}@host/x",
        f"ssh://git:{SECRET}@host/x",
        f"ssh://git%3A{SECRET}@host/x",
        f"ssh://ghp_{SECRET}@host/x",
        f"git:{SECRET}@host:team/repo",
        f"glpat-{SECRET}@host:team/repo",
        f"ftp://user:{SECRET}@host/x",
        f"file://user:{SECRET}@host/x",
        f"foo::https://user:{SECRET}@host/x",
        f"https://host/x?private_token={SECRET}",
        f"https://host/x#{SECRET}",
        f"https://host/https:/u:{SECRET}@other/x",
        f"user:{SECRET}@host",
        f"https://user:{SECRET}@host/a\nb",
        f"https://user:{SECRET}@/x",
        f"https://user:{SECRET}@host:0/x",
    ],
)
def test_a_credential_in_a_url_is_refused_and_not_repeated(text: str) -> None:
    assert SECRET not in refusal(text)


def test_a_refused_credential_names_the_right_way() -> None:
    assert "credential helper" in refusal(f"https://user:{SECRET}@github.com/x")
    assert "credential helper" in refusal(f"https://{SECRET}@github.com/x")


PLAIN = st.text(st.sampled_from("abcXYZ019._-~+ é%"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..") and not name.startswith("-") and not name.endswith(".git")
)
HOSTS = st.from_regex(r"[a-z0-9]([a-z0-9.-]{0,10}[a-z0-9])?", fullmatch=True)


@given(HOSTS, st.lists(PLAIN, min_size=1, max_size=4), st.data())
def test_case_of_the_host_protocol_port_suffix_and_slashes_make_no_difference(
    host: str, names: list[str], data: st.DataObject
) -> None:
    path = "/".join(quote(name) for name in names)
    ends = st.sampled_from(["", "/", ".git", ".git/"])

    def spelled() -> str:
        shown = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in host)
        scheme, port = data.draw(st.sampled_from([("https", ""), ("https", ":443"), ("ssh", ""), ("ssh", ":22")]))
        user = data.draw(st.sampled_from(["", "git@"])) if scheme == "ssh" else ""
        return f"{scheme}://{user}{shown}{port}/{path}{data.draw(ends)}"

    first, second = GitUrl.parse(spelled()), GitUrl.parse(spelled())

    assert first.identity == second.identity == "/".join([host, *names])
    again = GitUrl.parse(first.text)
    assert (again.identity, again.text) == (first.identity, first.text)


@given(st.one_of(st.text(max_size=60), st.text(st.sampled_from("htps:/@.-ag%2e:[]?#\\ \n"), max_size=40)))
def test_any_text_is_a_plain_address_or_refused(text: str) -> None:
    try:
        url = GitUrl.parse(text)
    except SourceRefused:
        return
    assert not url.text.startswith("-")
    assert "::" not in url.text or url.is_local or "[" in url.text
    assert url.text.isprintable() or url.is_local or not any(ord(letter) < 32 for letter in url.text)
    assert url.is_local == url.text.startswith("/")
    if url.scheme == "https":
        assert "@" not in url.text.removeprefix("https://").partition("/")[0]
    assert not {"..", "."}.intersection(url.identity.split("/")[1:])


@given(st.text(st.sampled_from("abc:@/%?#"), max_size=8), st.text(st.sampled_from("abc:@/"), max_size=8))
def test_a_password_never_shows_up_wherever_it_stands(before: str, after: str) -> None:
    for text in (
        f"https://{before}:{SECRET}@{after}",
        f"{before}:{SECRET}@{after}:x",
        f"ssh://{before}:{SECRET}@{after}",
    ):
        try:
            url = GitUrl.parse(text)
        except SourceRefused as refused:
            assert SECRET not in str(refused)  # noqa: PT017 - some of them are taken
        else:  # where it stands, it is none: a part of a path, after the host
            assert f":{SECRET}@" not in url.text.partition("/")[0]
            assert f":{SECRET}@" not in url.text.removeprefix("https://").removeprefix("ssh://").partition("/")[0]


# Which are allowed


@pytest.mark.parametrize(
    ("url", "sources", "allowed"),
    [
        ("https://anywhere.example/x", [], True),
        ("https://github.com/team/repo", ["github.com"], True),
        ("git@github.com:team/repo", ["GitHub.com"], True),
        ("https://github.com.evil.example/team/repo", ["github.com"], False),
        ("https://evil.example/github.com/x", ["github.com"], False),
        ("https://github.com:8443/team/repo", ["github.com"], False),
        ("https://github.com:8443/team/repo", ["github.com:8443"], True),
        ("https://git.example.com/team/repo.git", ["git.example.com/team"], True),
        ("https://git.example.com/team.git", ["git.example.com/team/"], True),
        ("https://git.example.com/teamwork/repo", ["git.example.com/team"], False),
        ("https://git.example.com/other/repo", ["github.com", "https://git.example.com/team"], False),
        ("https://git.example.com/team/x", ["github.com", "https://git.example.com/team/"], True),
    ],
)
def test_the_allowed_sources_are_hosts_or_beginnings_of_names(url: str, sources: list[str], allowed: bool) -> None:
    if allowed:
        require_allowed(GitUrl.parse(url), sources=sources)
    else:
        with pytest.raises(SourceRefused, match="not one of the allowed sources"):
            require_allowed(GitUrl.parse(url), sources=sources)


def test_file_sources_are_allowed_by_folder_and_not_by_host(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in" / "x", tmp_path / "inner"
    inside.mkdir(parents=True)
    outside.mkdir()
    (tmp_path / "in" / "link").symlink_to(outside)

    require_allowed(GitUrl.local(inside), sources=["github.com"], roots=[tmp_path / "in"])
    require_allowed(GitUrl.local(outside), roots=[])
    for place in (outside, tmp_path / "in" / "link", tmp_path / "in" / ".." / "inner"):
        with pytest.raises(SourceRefused, match="outside of the allowed folders"):
            require_allowed(GitUrl.local(place), roots=[tmp_path / "in"])


# Blanks around an entry of a setting are not a part of it.
@given(HOSTS, st.lists(PLAIN.filter(lambda name: name == name.strip()), min_size=1, max_size=4), st.integers(0, 4))
def test_every_beginning_of_an_identity_allows_it(host: str, names: list[str], length: int) -> None:
    url = GitUrl.parse(f"https://{host}/" + "/".join(quote(name) for name in names))
    require_allowed(url, sources=["/".join([host, *names[:length]])])


def test_what_git_prints_loses_its_credentials() -> None:
    said = f"fatal: unable to access 'https://u:{SECRET}@host/x/': 403; https://{SECRET}@host, token={SECRET}"
    assert SECRET not in without_credentials(said)
    assert "host/x/" in without_credentials(said)
