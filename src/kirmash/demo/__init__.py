"""`kirmash demo`: an exchange to look at. `terminal` shows one historical session in a terminal; `live` opens an
exchange with pages, people and sessions in which a visitor trades. What happens in it is made by `kirmash.simulation`.
"""
