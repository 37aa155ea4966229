"""The core of a running exchange: the writer with deciders and journal, the views kept up to date beside it, and the
Unix socket through which gateways reach it (DESIGN: processes). No HTTP, no login and no rule of the market here."""
