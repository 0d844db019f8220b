"""The web server on a local web: clean text to cite, limits that hold, nothing read that is not public."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_servers.reading.address import is_public
from mcp_servers.reading.robots import parse


async def test_a_page_is_read_without_its_menus_its_scripts_and_what_nobody_sees(web: Any, site: Any) -> None:
    async with web() as tools:
        page = await tools.call("fetch", url=f"{site.base}/article")
    text = "\n".join(source["text"] for source in page["sources"])
    assert page["title"] == "Ferries of Ostwick | The Site"
    assert page["published"] == "2031-05-04"
    assert "Tarnfell Ferries runs four ships between Ostwick and the islands." in text
    assert "Adult | 24 euros" in text
    assert "- Dogs travel free." in text
    assert "fare = 24\ntotal = fare * 2" in text
    for left_out in ("cookies", "Contact", "rights", "alert", "API key", "praise"):
        assert left_out not in text
    source = page["sources"][0]
    assert source["id"].startswith(f"web:127.0.0.1:{site.port}/article#")
    assert (source["kind"], source["uri"]) == ("page", f"{site.base}/article")


async def test_the_passages_that_fit_the_question_come_first(web: Any, site: Any) -> None:
    async with web() as tools:
        page = await tools.call("fetch", url=f"{site.base}/article", query="What do adults pay?", passages=1)
    assert "Adult | 24 euros" in page["sources"][0]["text"]
    assert page["left_out"] == 1


@pytest.mark.parametrize("path", ["latin", "lies"])
async def test_broken_encodings_are_read_as_well_as_they_can_be(web: Any, site: Any, path: str) -> None:
    async with web() as tools:
        page = await tools.call("fetch", url=f"{site.base}/{path}")
    assert "Das Café in Zürich öffnet" in page["sources"][0]["text"]


async def test_an_encoding_that_does_not_exist_is_guessed(web: Any, site: Any) -> None:
    async with web() as tools:
        assert "Plain words" in (await tools.call("fetch", url=f"{site.base}/nonsense"))["sources"][0]["text"]


async def test_a_pdf_is_read_page_by_page_and_a_damaged_one_says_so(web: Any, site: Any) -> None:
    async with web() as tools:
        page = await tools.call("fetch", url=f"{site.base}/paper.pdf")
        assert page["sources"][0]["text"] == "The repair took nine days."
        assert page["sources"][0]["locator"] == "page 1"
        assert "damaged" in await tools.refused("fetch", url=f"{site.base}/broken.pdf")


async def test_a_redirect_is_followed_to_where_it_leads_and_a_loop_is_left(web: Any, site: Any) -> None:
    async with web(redirects=3) as tools:
        assert (await tools.call("fetch", url=f"{site.base}/hop"))["url"] == f"{site.base}/article"
        assert "redirects more than 3 times" in await tools.refused("fetch", url=f"{site.base}/loop")
    assert site.seen.count("/loop") == 4


@pytest.mark.parametrize(
    "inward",
    ["http://127.0.0.2/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "http://0x7f.2/", "//10.0.0.1/"],
)
async def test_a_redirect_into_a_private_network_is_not_followed(web: Any, site: Any, inward: str) -> None:
    async with web() as tools:
        assert "not on the public web" in await tools.refused("fetch", url=f"{site.base}/inwards?to={inward}")


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/", "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0.0.0.0/",
        "http://10.1.2.3/", "http://192.168.0.1/", "http://172.16.9.9/", "http://100.64.0.1/", "http://169.254.1.1/",
        "http://[fe80::1]/", "http://[fd00::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/", "http://0177.0.0.1/", "http://0x7f000001/", "http://127.0.0.1./", "http://localhost./",
        "http://①②⑦.⓪.⓪.①/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[fec0::1]/", "http://[3fff::1]/",
        "http://[64:ff9b:1::7f00:1]/", "http://[2001:4860:4860:0:0:5efe:7f00:1]/", "http://[ff02::1]/", "http://224.0.0.1/",
        "http://255.255.255.255/", "http://198.18.0.1/", "http://192.88.99.1/", "http://[::]/", "http://127.0.0\t.1/",
        "http://127.0.0.1#@public.example/", "http://127.0.0.1?@public.example/",
    ],
)  # fmt: skip
async def test_an_address_that_is_not_public_is_not_read(web: Any, url: str) -> None:
    async with web(allow_private=()) as tools:
        said = await tools.refused("fetch", url=url)
    assert "not on the public web" in said or "was not found" in said


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://a.example/",
        "https://user:pw@a.example/",
        "http://:80/x",
        "gopher://a.example/1",
        "javascript:alert(1)",
        "data:text/html,hello",
        "http:\\\\127.0.0.1/",
        "http://a.example\\@127.0.0.1/",
        "http:///127.0.0.1/",
        "http://a.example:80:80/",
        "http://a.example:99999/",
        "http://127.0.0.1%2f@a.example/",
    ],
)
async def test_what_is_no_address_of_a_page_is_refused(web: Any, url: str) -> None:
    async with web() as tools:
        said = await tools.refused("fetch", url=url)
    assert "address" in said
    assert "pw@" not in said


async def test_a_name_is_resolved_once_and_what_it_becomes_later_is_never_asked(
    web: Any, site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def rebinding(host: Any, port: Any, *_: Any, **__: Any) -> Any:
        asked.append(host)
        address = "127.0.0.1" if asked.count(host) == 1 else "127.0.0.2"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    async with web(robots=False) as tools:
        page = await tools.call("fetch", url=f"http://pages.test:{site.port}/article")
    assert page["title"].startswith("Ferries")
    assert asked.count("pages.test") == 1
    assert site.headers[-1]["Host"] == f"pages.test:{site.port}"


async def test_a_name_with_one_private_address_among_others_is_not_read(
    web: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mixed(_host: Any, port: Any, *_: Any, **__: Any) -> Any:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", mixed)
    async with web() as tools:
        assert "not on the public web" in await tools.refused("fetch", url="https://mixed.test/")


async def test_a_page_that_is_slow_huge_or_grows_while_it_is_unpacked_is_left(web: Any, site: Any) -> None:
    async with web(seconds=0.3, max_bytes=100_000) as tools:
        assert "longer than 0.3 s" in await tools.refused("fetch", url=f"{site.base}/slow")
    async with web(max_bytes=100_000) as tools:
        assert "larger than 0.1 MB" in await tools.refused("fetch", url=f"{site.base}/huge")
        assert "larger than 0.1 MB" in await tools.refused("fetch", url=f"{site.base}/bomb")


@pytest.mark.parametrize(
    ("path", "said"),
    [("image", "image/png"), ("missing", "404"), ("failing", "503"), ("empty", "no text")],
)
async def test_a_page_that_cannot_be_read_says_why(web: Any, site: Any, path: str, said: str) -> None:
    async with web() as tools:
        assert said in await tools.refused("fetch", url=f"{site.base}/{path}")


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "javascript:alert(1)", "http://u:p@127.0.0.1/", "ftp://a.example/"]
)
async def test_a_redirect_to_what_is_no_page_is_not_followed(web: Any, site: Any, to: str) -> None:
    async with web() as tools:
        assert "address" in await tools.refused("fetch", url=f"{site.base}/inwards?to={to}")


async def test_a_redirect_into_what_a_site_keeps_from_programs_is_not_followed(web: Any, site: Any) -> None:
    async with web() as tools:
        assert "robots.txt" in await tools.refused("fetch", url=f"{site.base}/inwards?to=/secret")
    assert "/secret" not in site.seen


async def test_a_port_that_is_no_web_servers_is_not_read(web: Any) -> None:
    async with web() as tools:
        assert "Port 22" in await tools.refused("fetch", url="http://93.184.216.34:22/")


@pytest.mark.parametrize("path", ["garbled", "length"])
async def test_an_answer_that_is_not_what_it_says_is_told_as_such(web: Any, site: Any, path: str) -> None:
    async with web() as tools:
        said = await tools.refused("fetch", url=f"{site.base}/{path}")
    assert "did not answer" in said or "no text" in said


async def test_a_page_that_never_stops_is_left_when_its_time_is_over(web: Any, site: Any) -> None:
    async with web(seconds=0.4) as tools:
        assert "longer than 0.4 s" in await tools.refused("fetch", url=f"{site.base}/drip")


@pytest.mark.parametrize(("path", "said"), [("deep", "nested too deeply"), ("bomb.pdf", "damaged")])
async def test_a_page_made_to_choke_its_reader_is_refused(web: Any, site: Any, path: str, said: str) -> None:
    async with web() as tools:
        assert said in await tools.refused("fetch", url=f"{site.base}/{path}")


@pytest.mark.parametrize("charset", ["undefined", "idna", "utf-16", "unicode_escape", "rot13", "x" * 300])
async def test_an_encoding_made_to_fail_is_passed_over(web: Any, site: Any, charset: str) -> None:
    async with web() as tools:
        page = await tools.call("fetch", url=f"{site.base}/charset?is={charset}")
    assert "four ships" in page["sources"][0]["text"]


async def test_what_style_rules_colours_and_signs_hide_is_left_out(web: Any, site: Any) -> None:
    async with web() as tools:
        text = (await tools.call("fetch", url=f"{site.base}/styled"))["sources"][0]["text"]
    assert "unseen" not in text
    for seen in ("forty minutes", "five times a day", "coat", "sold on board", "Ignore the bell"):
        assert seen in text


async def test_what_a_site_asks_of_programs_is_kept_to_and_asked_once(web: Any, site: Any) -> None:
    async with web() as tools:
        assert "robots.txt" in await tools.refused("fetch", url=f"{site.base}/secret")
        assert (await tools.call("fetch", url=f"{site.base}/secret/but"))["sources"]
    assert "/secret" not in site.seen
    assert site.seen.count("/robots.txt") == 1
    site.robots = 503
    async with web() as tools:
        assert "does not say" in await tools.refused("fetch", url=f"{site.base}/article")
    async with web(robots=False) as tools:
        assert (await tools.call("fetch", url=f"{site.base}/secret"))["sources"]


async def test_a_page_that_was_read_is_used_again_and_says_so(web: Any, site: Any) -> None:
    for cached in (False, True):
        async with web(cache_hours=1) as tools:
            assert (await tools.call("fetch", url=f"{site.base}/article"))["cached"] is cached
    assert site.seen.count("/article") == 1


async def test_without_a_search_provider_it_says_what_to_set(web: Any) -> None:
    async with web() as tools:
        assert "searxng_url" in await tools.refused("search", query="ferries")
        status = await tools.call("status")
    assert not status["ready"]
    assert "brave_api_key" in status["searches_with"]


async def test_each_provider_is_asked_in_its_own_words(web: Any, site: Any) -> None:
    async with web(searxng_url=site.base) as tools:
        found = await tools.call("search", query="ferries")
    assert [hit["title"] for hit in found["results"]] == ["Ferries & more", "PDF"]
    async with web(brave_api_key="right", brave_url=f"{site.base}/brave") as tools:
        found = await tools.call("search", query="ferries")
    assert found["results"][0]["snippet"] == "four ships"
    async with web(tavily_api_key="sesame", tavily_url=f"{site.base}/tavily") as tools:
        found = await tools.call("search", query="ferries")
    assert found["results"][0]["snippet"] == "about ferries"
    assert site.headers[-1]["Authorization"] == "Bearer sesame"


async def test_a_key_that_is_refused_is_named_and_not_shown(web: Any, site: Any) -> None:
    async with web(brave_api_key="wrong-key", brave_url=f"{site.base}/brave") as tools:
        said = await tools.refused("search", query="ferries")
    assert "brave_api_key" in said
    assert "wrong-key" not in said


@pytest.mark.parametrize(
    ("path", "allowed"), [("/", True), ("/a/b", False), ("/a/b/c.html", True), ("/x.pdf", False), ("/x.pdfs", True)]
)
def test_the_most_specific_rule_of_a_site_wins(path: str, allowed: bool) -> None:
    text = "User-agent: other\nDisallow: /\n\nUser-agent: *\nDisallow: /a/*\nAllow: /a/b/c\nDisallow: /*.pdf$ # no\n"
    assert parse(text).allows(path) is allowed


def test_a_group_for_us_is_the_only_one_that_counts() -> None:
    robots = parse("User-agent: *\nDisallow: /\nUser-agent: Lyceum\nUser-agent: other\nDisallow: /private\n")
    assert robots.allows("/public")
    assert not robots.allows("/private/x")


@given(st.text(max_size=300))
def test_any_text_is_a_robots_file(text: str) -> None:
    assert parse(text).allows("/") in (True, False)


@given(st.ip_addresses(v=4, network="10.0.0.0/8") | st.ip_addresses(v=4, network="127.0.0.0/8"))
def test_a_private_address_stays_private_inside_ipv6(address: Any) -> None:
    number = int(address)
    assert not is_public(str(address))
    assert not is_public(f"::ffff:{address}")
    assert not is_public(f"64:ff9b::{number >> 16:x}:{number & 0xFFFF:x}")
    assert not is_public(f"2002:{number >> 16:x}:{number & 0xFFFF:x}::1")
