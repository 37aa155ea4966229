"""The views: what the records say, as tables that can be asked (DESIGN: journal, views, scale).

views.db is disposable: it is folded from the journal's records alone, in number order, and made anew by `rebuild`
whenever it is damaged or does not belong to the journal. A batch of records and the checkpoint that says so are one
transaction. Nothing is decided here, and nothing that is not in a record stands in a view.
"""
