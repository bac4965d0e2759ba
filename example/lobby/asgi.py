"""For an ASGI server: uvicorn lobby.asgi:application"""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lobby.settings")

application = get_asgi_application()
