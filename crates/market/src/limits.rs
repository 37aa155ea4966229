//! Every limit of the market in one place (PS-9). A limit that is not here does not exist; the same numbers stand in
//! `src/kirmash/messages/limits.py`. What is done when a limit is reached is decided elsewhere.

use crate::units::{Minor, Ordinal};

/// Journal numbers, orders, deals and every integer that a person may read stay below 2^53.
pub(crate) const ORDINAL_MAX: Ordinal = (1 << 53) - 1;

pub(crate) const PRICE_TICKS_MAX: u64 = 2_000_000_000;
pub(crate) const QUANTITY_LOTS_MAX: u64 = 1_000_000_000;
pub(crate) const TICK_LOT_VALUE_MAX: u64 = 1_000_000;
/// price × quantity × tick_lot_value, in minor units.
pub(crate) const ORDER_VALUE_MAX: u64 = 1_000_000_000_000_000;

pub(crate) const ACCOUNT_MAX: Minor = 100_000_000_000_000_000;
pub(crate) const CURRENCY_SUM_MAX: Minor = 4_000_000_000_000_000_000;
/// Parts per million: the unit of rates and relative bands, and the greatest of them.
pub(crate) const PPM: u32 = 1_000_000;

pub(crate) const SESSION_INSTRUMENTS_MAX: usize = 10_000;
pub(crate) const OPEN_ORDERS_MAX: u64 = 16_000_000;
pub(crate) const ACCOUNT_SESSION_OPEN_ORDERS_MAX: u32 = 100_000;
/// Open conditional orders per session and instrument (PS-4.7).
pub(crate) const CONDITIONAL_ORDERS_MAX: usize = 1_000;

pub(crate) const TEXT_BYTES_MAX: usize = 200;

/// A reference or bound of more ticks is kept as this (EN-6.1).
pub(crate) const BOUND_TICKS_CAP: u64 = (1 << 53) - 1;

/// Vf of one order. Each total is bounded by ORDER_VALUE_MAX at the limit of its time, and lots only add up, so the sum
/// over all limits that an order ever had stays below ORDER_VALUE_MAX × (1 + ln(QUANTITY_LOTS_MAX)).
pub(crate) const DEAL_VALUE_MAX: Minor = 22 * ORDER_VALUE_MAX;

// Prices and quantities are kept in 32 bits, a product of both in 64.
const _: () = assert!(PRICE_TICKS_MAX < u32::MAX as u64);
const _: () = assert!(QUANTITY_LOTS_MAX < u32::MAX as u64);
const _: () = assert!(PRICE_TICKS_MAX.checked_mul(QUANTITY_LOTS_MAX).is_some());
// The quantity of a whole book fits 64 bits, signed too (the surplus of an uncrossing).
const _: () = assert!(OPEN_ORDERS_MAX * QUANTITY_LOTS_MAX < i64::MAX as u64);
