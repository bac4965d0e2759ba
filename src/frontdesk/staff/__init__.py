"""The pages of the admin; :mod:`frontdesk.admin` registers them."""
