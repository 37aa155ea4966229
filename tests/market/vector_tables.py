"""The names of PS-0 as the vectors use them: commands with their fields, events with theirs, reject reasons.

Copied by hand from the tables of docs/reference/market-rules.md, not from the code, so that a slip in the code's
schema is seen.
Only names and their order stand here; meanings and limits do not.
"""

from __future__ import annotations

ENVELOPE = ("at", "by", "id", "command")

REQUIRED: dict[str, tuple[str, ...]] = {
    "register_participant": ("participant", "name", "country", "resident", "kinds"),
    "accredit_participant": ("participant",),
    "suspend_participant": ("participant", "open_orders", "reason"),
    "reinstate_participant": ("participant", "reason"),
    "register_client": ("broker", "client", "name", "country", "resident"),
    "grant_permission": ("participant", "section", "side", "purpose"),
    "revoke_permission": ("participant", "section", "side", "purpose"),
    "appoint_trader": ("trader", "participant"),
    "withdraw_trader": ("trader", "open_orders"),
    "list_card": ("card", "version", "section", "name_en", "name_ru", "hs_code", "unit"),
    "list_instrument": (
        "instrument", "card", "version", "basis", "currency", "payment_term", "purpose", "lot", "tick",
    ),
    "credit_deposit": ("participant", "currency", "amount"),
    "request_withdrawal": ("withdrawal", "participant", "currency", "amount"),
    "confirm_withdrawal": ("withdrawal",),
    "cancel_withdrawal": ("withdrawal",),
    "perform_contract": ("deal", "reason"),
    "terminate_contract": ("deal", "reason"),
    "annul_deal": ("deal", "reason"),
    "record_profile": ("person", "profile"),
    "create_session": ("session", "section", "purpose", "mechanism", "instruments", "phases"),
    "change_phase": ("session", "from", "to"),
    "halt_session": ("session", "reason"),
    "cancel_session": ("session", "reason"),
    "resume_session": ("session", "resume_at"),
    "set_band": ("session", "instrument"),
    "place_order": ("session", "instrument", "side", "price", "quantity"),
    "amend_order": ("order",),
    "cancel_order": ("order",),
    "mass_cancel": ("session",),
    "expire_orders": ("session", "until"),
}  # fmt: skip

OPTIONAL: dict[str, tuple[str, ...]] = {
    "register_participant": ("group",),
    "register_client": ("group",),
    "list_card": ("attributes",),
    "list_instrument": ("clauses", "conditional_allowed", "order_lots_max", "entries_max"),
    "credit_deposit": ("client",),
    "request_withdrawal": ("client",),
    "record_profile": ("trader",),
    "create_session": ("self_trade", "late_entry", "names_at", "deposit"),
    "set_band": ("lower", "upper", "down_ppm", "up_ppm"),
    "place_order": ("client", "minimum", "indivisible", "time_in_force", "until"),
    "amend_order": ("price", "quantity", "minimum", "until"),
    "mass_cancel": ("instrument", "side", "trader", "client"),
}

OFFICE_EVENTS: dict[str, tuple[str, ...]] = {
    "participant_registered": ("participant", "name", "country", "resident", "kinds", "group"),
    "participant_accredited": ("participant",),
    "participant_suspended": ("participant", "open_orders", "reason"),
    "participant_reinstated": ("participant", "reason"),
    "client_registered": ("broker", "client", "name", "country", "resident", "group"),
    "permission_granted": ("participant", "section", "side", "purpose"),
    "permission_revoked": ("participant", "section", "side", "purpose"),
    "trader_appointed": ("trader", "participant"),
    "trader_withdrawn": ("trader", "open_orders"),
    "card_listed": ("card", "version", "section", "name_en", "name_ru", "hs_code", "unit", "attributes"),
    "instrument_listed": (
        "instrument", "card", "version", "basis", "currency", "payment_term", "clauses", "purpose", "lot", "tick",
        "conditional_allowed", "order_lots_max", "entries_max",
    ),
    "deposit_credit_entered": ("participant", "client", "currency", "amount"),
    "withdrawal_requested": ("withdrawal", "participant", "client", "currency", "amount"),
    "withdrawal_confirmed": ("withdrawal",),
    "withdrawal_cancelled": ("withdrawal",),
    "contract_performed": ("deal", "reason"),
    "contract_terminated": ("deal", "reason"),
    "deal_annulled": ("deal", "reason"),
    "profile_recorded": ("person", "profile", "trader"),
}  # fmt: skip
"""PS-13.6: the fields of the command in its order."""

MARKET_EVENTS: dict[str, tuple[str, ...]] = {
    "admission_set": ("participant", "admitted"),
    "client_set": ("client",),
    "authority_set": ("trader", "active"),
    "instrument_added": ("instrument",),
    "deposit_credited": ("participant", "client", "currency", "amount"),
    "withdrawal_held": ("withdrawal",),
    "withdrawal_ready": ("withdrawal",),
    "withdrawal_refused": ("withdrawal",),
    "withdrawal_paid": ("withdrawal",),
    "withdrawal_released": ("withdrawal",),
    "deal_released": ("deal",),
    "contract_opened": ("deal",),
    "order_accepted": (
        "order", "session", "instrument", "side", "price", "quantity", "client", "minimum", "indivisible",
        "time_in_force", "until", "reserved",
    ),
    "order_amended": ("order", "price", "quantity", "open", "minimum", "until", "priority_kept", "reserved"),
    "order_rested": ("order", "open"),
    "order_cancelled": ("order", "quantity", "reason"),
    "order_parked": ("order", "open"),
    "deal_made": (
        "deal", "session", "instrument", "buy_order", "sell_order", "price", "quantity", "aggressor", "buy_open",
        "sell_open",
    ),
    "uncrossed": ("session", "instrument", "price", "volume", "surplus"),
    "uncrossed_without_price": ("session", "instrument"),
    "paradoxically_rejected": ("order",),
    "phase_changed": ("session", "from", "to"),
    "session_created": ("session",),
    "session_halted": ("session", "from", "reason"),
    "session_cancelled": ("session", "from", "reason"),
    "session_resuming": ("session", "resume_at"),
    "band_set": ("session", "instrument"),
    "orders_mass_cancelled": ("session", "cancelled", "kept"),
    "orders_expired": ("session", "expired"),
    "account_changed": ("participant", "client", "currency", "free", "reserved", "blocked", "withdrawing"),
    "command_rejected": ("reasons",),
}  # fmt: skip
"""Fields in the order of the table; further fields may follow. order_cancelled has `reasons` only with `admission`."""

CANCEL_REASONS = (
    "requested", "mass", "killed", "self_trade", "expired", "closing", "session_cancelled", "admission",
    "admission_withdrawn",
)  # fmt: skip

REASONS = (
    "unknown_actor", "actor_may_not", "unknown_session", "unknown_instrument", "unknown_order", "unknown_client",
    "unknown_participant", "unknown_trader", "unknown_card", "unknown_deal", "unknown_withdrawal", "already_exists",
    "not_admitted", "client_not_admitted", "authority_missing", "phase_forbids", "phase_moved_on",
    "phase_change_illegal", "entries_exceeded", "order_not_open", "not_owner", "contract_not_open",
    "withdrawal_not_open",
    "price_out_of_range", "quantity_out_of_range", "value_too_large", "price_off_grid", "quantity_off_grid",
    "band_exceeded", "order_too_large", "minimum_above_quantity", "conditional_not_allowed",
    "conditional_orders_full", "time_in_force_not_now", "until_not_in_session", "own_opposite_order",
    "total_not_above_filled", "no_change", "not_whole_minor_units", "terms_disagree", "limit_exceeded",
    "deposit_short",
)  # fmt: skip
"""Ascending by their numbers."""
