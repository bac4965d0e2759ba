"""The place of an address: only with a database, never a failure, never a question to the network."""

import importlib
import socket
import sys

import pytest
from django.contrib.gis.geoip2 import GeoIP2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

import frontdesk
from frontdesk import places

BERLIN, MOON, SINGAPORE, SEA = "81.2.69.142", "8.8.8.8", "103.6.151.9", "9.9.9.9"
BERLIN_V6 = "2001:4860:1234::1"


def names(**given):
    return {kind: {"names": {"en": name}} for kind, name in given.items()}


NETWORKS = {
    "81.2.69.0/24": names(city="Berlin", country="Germany"),
    "2001:4860::/32": names(city="Berlin", country="Germany"),
    "8.8.8.0/24": names(country="United States"),
    "103.6.151.0/24": names(city="Singapore", country="Singapore"),
    "9.9.9.0/24": {},
    "10.0.0.0/8": names(city="Nowhere", country="Intranet"),
}


def write(path, database_type="GeoLite2-City", networks=NETWORKS, version=6):
    writer = MMDBWriter(
        ip_version=version,
        ipv4_compatible=version == 6,
        database_type=database_type,
        languages=["en"],
    )
    for network, found in networks.items():
        writer.insert_network(IPSet([network]), found)
    writer.to_db_file(str(path))
    return path


@pytest.fixture(scope="session")
def city(tmp_path_factory):
    return write(tmp_path_factory.mktemp("places") / "GeoLite2-City.mmdb")


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    def refuse(*args):
        raise AssertionError(f"asked the network for {args}")

    for name in ("gethostbyname", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refuse)


@pytest.fixture
def database(settings, city):
    settings.GEOIP_PATH = city


# --- with a database ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ip", [BERLIN, "81.2.69.0", BERLIN_V6, f"::ffff:{BERLIN}"])
def test_a_public_address_has_a_city_and_a_country(database, ip):
    assert places.place_of(ip) == "Berlin, Germany"


def test_a_country_alone_is_a_place(database):
    assert places.place_of(MOON) == "United States"


def test_a_city_that_is_its_country_is_named_once(database):
    assert places.place_of(SINGAPORE) == "Singapore"


def test_an_address_without_names_has_no_place(database):
    assert places.place_of(SEA) == ""


@pytest.mark.parametrize("ip", ["1.1.1.1", "2a00::1"])
def test_an_address_that_is_not_found_has_no_place(database, ip):
    assert places.place_of(ip) == ""


@pytest.mark.parametrize(
    "ip", ["10.0.0.1", "127.0.0.1", "::1", "fe80::1", "203.0.113.0", "0.0.0.0"]
)
def test_a_private_address_has_no_place_whatever_the_database_says(database, ip):
    assert places.place_of(ip) == ""


@pytest.mark.parametrize("ip", ["", " ", "unix:", "example.com", f"{BERLIN_V6}%eth0", "1.1.1.1/24"])
def test_what_is_no_address_has_no_place_and_is_not_asked_for(database, ip):
    assert places.place_of(ip) == ""


def test_a_database_of_countries_gives_countries(settings, tmp_path):
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", "GeoLite2-Country")
    assert places.place_of(BERLIN) == "Germany"


def test_a_database_of_ipv4_has_no_place_for_ipv6_and_does_not_complain(settings, tmp_path, caplog):
    some = {"81.2.69.0/24": NETWORKS["81.2.69.0/24"]}
    settings.GEOIP_PATH = write(tmp_path / "4.mmdb", networks=some, version=4)
    assert (places.place_of(BERLIN), places.place_of(BERLIN_V6)) == ("Berlin, Germany", "")
    assert not caplog.records


def test_a_directory_is_looked_into(settings, city):
    settings.GEOIP_PATH = str(city.parent)
    assert places.place_of(BERLIN) == "Berlin, Germany"


def test_a_good_database_is_no_problem(database):
    assert places.problem() == ""


def test_the_database_is_opened_once(database, monkeypatch):
    opened = []

    class Counted(GeoIP2):
        def __init__(self, *args, **kwargs):
            opened.append(self)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(places, "GeoIP2", Counted)
    assert [places.place_of(ip) for ip in (BERLIN, MOON, BERLIN)]
    assert len(opened) == 1


@pytest.mark.parametrize("name", ["GEOIP_PATH", "GEOIP_CITY"])
def test_another_setting_is_another_database(settings, city, tmp_path, name):
    settings.GEOIP_PATH, settings.GEOIP_CITY = city.parent, city.name
    assert places.place_of(BERLIN) == "Berlin, Germany"
    other = write(tmp_path / "other.mmdb", networks={"81.2.69.0/24": names(city="Bonn")})
    setattr(settings, name, other)
    assert places.place_of(BERLIN) == "Bonn"


# --- without one ----------------------------------------------------------------------------------------


def test_without_a_database_there_are_no_places_and_no_problem():
    assert (places.place_of(BERLIN), places.problem()) == ("", "")


def test_without_geoip2_there_are_no_places_and_the_reason_is_told(database, monkeypatch):
    monkeypatch.setattr(frontdesk, "places", places)  # put back what the import replaces
    monkeypatch.setitem(sys.modules, "geoip2.errors", None)
    monkeypatch.delitem(sys.modules, "frontdesk.places")
    bare = importlib.import_module("frontdesk.places")
    try:
        assert (bare.place_of(BERLIN), bare.problem()) == (
            "",
            "the package geoip2 is not installed.",
        )
    finally:
        places.setting_changed.connect(places._forget, dispatch_uid="frontdesk.places")


def unreadable(folder):
    (folder / "x.mmdb").write_text("not a database")
    return folder / "x.mmdb"


def empty(folder):
    (folder / "x.mmdb").touch()
    return folder / "x.mmdb"


def of_another_kind(folder):
    return write(folder / "x.mmdb", "GeoLite2-ASN")


BAD = {
    "nowhere": lambda folder: folder / "nowhere",
    "an empty directory": lambda folder: folder,
    "an empty file": empty,
    "no database": unreadable,
    "a database of something else": of_another_kind,
    "a number": lambda folder: 5,
    "an impossible name": lambda folder: "x\0y",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_database_gives_no_places(settings, tmp_path, bad):
    settings.GEOIP_PATH = bad(tmp_path)
    assert places.place_of(BERLIN) == ""


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_database_is_a_problem_that_names_it(settings, tmp_path, bad):
    settings.GEOIP_PATH = path = bad(tmp_path)
    reason = places.problem().removeprefix(f"{path}: ")
    assert reason
    assert reason != places.problem()


@given(damage=st.dictionaries(st.integers(0, 2000), st.integers(0, 255), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_database_never_raises(settings, city, tmp_path, damage):
    data = bytearray(city.read_bytes())
    for place, byte in damage.items():
        data[place % len(data)] = byte
    (tmp_path / "damaged.mmdb").write_bytes(data)
    settings.GEOIP_PATH = None  # the same path again is no other setting
    settings.GEOIP_PATH = tmp_path / "damaged.mmdb"
    for ip in (BERLIN, MOON, BERLIN_V6):
        assert isinstance(places.place_of(ip), str)


def test_a_database_that_is_cut_short_while_it_is_open_never_raises(settings, city, tmp_path):
    copy = tmp_path / "c.mmdb"
    copy.write_bytes(city.read_bytes())
    settings.GEOIP_PATH = copy
    assert places.place_of(BERLIN) == "Berlin, Germany"
    copy.write_bytes(b"")
    assert places.place_of(MOON) == ""


def test_a_database_that_cannot_be_read_is_logged(settings, database, monkeypatch, caplog):
    def fails(reader, address):
        raise TypeError("City.__init__() argument after ** must be a mapping")

    monkeypatch.setattr(places, "_found", fails)
    assert places.place_of(BERLIN) == ""
    assert "GEOIP_PATH" in caplog.text


@given(st.text() | st.ip_addresses().map(str))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_has_a_place_or_none(database, ip):
    assert isinstance(places.place_of(ip), str)
