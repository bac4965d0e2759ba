"""Words for users: about devices, places, times and sign-in methods, in the active language.

Every function takes plain values and returns plain text, which a page has to escape; only ``mail`` sends it.
"""
