"""What a session costs in a request, as processor time, beside Django's engines."""
