"""The pages: views and forms, of which :mod:`frontdesk.views` has the public ones."""
