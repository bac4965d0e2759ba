from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS

# The admin's own log has a foreign key to the user.
INSTALLED_APPS = [
    *(app for app in INSTALLED_APPS if app != "django.contrib.admin"),
    "tests.projects.composite_users",
]
AUTH_USER_MODEL = "composite_users.TenantUser"
