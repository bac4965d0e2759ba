"""The place of an address: only with a database, without errors, without the network."""

import socket

import pytest
from django.contrib.gis.geoip2 import GeoIP2
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from frontdesk.words import places
from frontdesk.words.places import place_of, problem

BERLIN, USA, SINGAPORE, NAMELESS = "81.2.69.142", "8.8.8.8", "103.6.151.9", "9.9.9.9"
BERLIN_V6 = "2001:4860:1234::1"


def names(**kinds):
    return {kind: {"names": {"en": name}} for kind, name in kinds.items()}


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


PRIVATE = ["10.0.0.1", "127.0.0.1", "::1", "fe80::1", "203.0.113.0", "0.0.0.0"]
MALFORMED = ["", " ", "unix:", "example.com", f"{BERLIN_V6}%eth0", "1.1.1.1/24"]


@pytest.mark.parametrize(
    ("ip", "place"),
    [
        *[(ip, "Berlin, Germany") for ip in (BERLIN, "81.2.69.0", BERLIN_V6, f"::ffff:{BERLIN}")],
        (USA, "United States"),
        (SINGAPORE, "Singapore"),
        *[(ip, "") for ip in (NAMELESS, "1.1.1.1", "2a00::1", *PRIVATE, *MALFORMED)],
    ],
)
def test_only_a_known_public_address_has_a_place(database, ip, place):
    assert place_of(ip) == place


@given(st.text() | st.ip_addresses().map(str))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_has_a_place_or_none(database, ip):
    assert isinstance(place_of(ip), str)


def test_a_database_of_countries_gives_countries(settings, tmp_path):
    settings.GEOIP_PATH = write(tmp_path / "c.mmdb", "GeoLite2-Country")
    assert place_of(BERLIN) == "Germany"


def test_a_database_of_ipv4_ignores_ipv6(settings, tmp_path, caplog):
    some = {"81.2.69.0/24": NETWORKS["81.2.69.0/24"]}
    settings.GEOIP_PATH = write(tmp_path / "4.mmdb", networks=some, version=4)
    assert (place_of(BERLIN), place_of(BERLIN_V6)) == ("Berlin, Germany", "")
    assert not caplog.records


def test_the_setting_may_name_a_directory(settings, city):
    settings.GEOIP_PATH = str(city.parent)
    assert place_of(BERLIN) == "Berlin, Germany"


def test_the_database_is_opened_once(database, monkeypatch):
    opened = []

    class Counted(GeoIP2):
        def __init__(self, *args, **kwargs):
            opened.append(self)
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(places, "GeoIP2", Counted)
    assert all(place_of(ip) for ip in (BERLIN, USA, BERLIN))
    assert len(opened) == 1


@pytest.mark.parametrize("name", ["GEOIP_PATH", "GEOIP_CITY"])
def test_a_changed_setting_is_noticed(settings, city, tmp_path, name):
    settings.GEOIP_PATH, settings.GEOIP_CITY = city.parent, city.name
    assert place_of(BERLIN) == "Berlin, Germany"
    other = write(tmp_path / "other.mmdb", networks={"81.2.69.0/24": names(city="Bonn")})
    setattr(settings, name, other)
    assert place_of(BERLIN) == "Bonn"


def test_a_good_database_is_no_problem(database):
    assert problem() == ""


def test_no_setting_is_no_problem():
    assert (place_of(BERLIN), problem()) == ("", "")


def test_a_setting_without_geoip2_is_a_problem(database, load_without):
    bare = load_without("geoip2.errors", places)
    assert bare.place_of(BERLIN) == ""
    assert bare.problem() == "the package geoip2 is not installed."


def unreadable(folder):
    (folder / "x.mmdb").write_text("not a database")
    return folder / "x.mmdb"


def empty(folder):
    (folder / "x.mmdb").touch()
    return folder / "x.mmdb"


BAD = {
    "missing": lambda folder: folder / "missing",
    "empty directory": lambda folder: folder,
    "empty file": empty,
    "unreadable": unreadable,
    "unsuitable": lambda folder: write(folder / "x.mmdb", "GeoLite2-ASN"),
    "number": lambda folder: 5,
    "null character": lambda folder: "x\0y",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD)
def test_a_bad_database_is_a_problem_that_names_it(settings, tmp_path, bad):
    settings.GEOIP_PATH = path = bad(tmp_path)
    assert place_of(BERLIN) == ""
    assert problem().startswith(f"{path}: ")
    assert problem() != f"{path}: "


@given(damage=st.dictionaries(st.integers(0, 2000), st.integers(0, 255), min_size=1, max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_database_never_raises(settings, city, tmp_path, damage):
    data = bytearray(city.read_bytes())
    for index, byte in damage.items():
        data[index % len(data)] = byte
    (tmp_path / "damaged.mmdb").write_bytes(data)
    settings.GEOIP_PATH = None  # otherwise the setting would not change
    settings.GEOIP_PATH = tmp_path / "damaged.mmdb"
    for ip in (BERLIN, USA, BERLIN_V6):
        assert isinstance(place_of(ip), str)


def test_an_open_database_may_be_cut_short(settings, city, tmp_path):
    copy = tmp_path / "c.mmdb"
    copy.write_bytes(city.read_bytes())
    settings.GEOIP_PATH = copy
    assert place_of(BERLIN) == "Berlin, Germany"
    copy.write_bytes(b"")
    assert place_of(USA) == ""


def test_an_unreadable_database_is_logged(database, monkeypatch, caplog):
    def fail(reader, address):
        raise TypeError("City.__init__() argument after ** must be a mapping")

    monkeypatch.setattr(GeoIP2, "city", fail)
    assert place_of(BERLIN) == ""
    assert "GEOIP_PATH" in caplog.text
