"""What an installed package must carry, whatever it was installed from."""

import importlib
import pkgutil
import re
from importlib import metadata, resources

import pytest

import frontdesk


def test_the_version_is_exposed_and_is_the_one_that_was_installed():
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", frontdesk.__version__)
    assert metadata.version("django-frontdesk") == frontdesk.__version__


def test_type_checkers_are_told_that_the_package_is_typed():
    assert resources.files("frontdesk").joinpath("py.typed").is_file()


def test_django_is_the_only_requirement():
    required = [r for r in metadata.requires("django-frontdesk") or [] if "extra ==" not in r]
    assert [re.split(r"[^\w-]", r)[0].lower() for r in required] == ["django"]


MODULES = [frontdesk.__name__] + [
    module.name
    for module in pkgutil.walk_packages(frontdesk.__path__, "frontdesk.")
    if ".migrations" not in module.name
]


@pytest.mark.parametrize("name", MODULES)
def test_a_star_import_works_for_every_module(name):
    names: dict[str, object] = {}
    exec(f"from {name} import *", names)
    assert set(getattr(importlib.import_module(name), "__all__", [])) <= set(names)
