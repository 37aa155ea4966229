//! The native market of Kirmash: a deterministic decider over numbered commands, the fast twin of the plain-Python
//! market. The rules stand in `docs/reference/market-rules.md` (PS-1 to PS-13), the bytes in `docs/reference/encoding.md`
//! (EN-1 to EN-6). The standard library only; no clock, randomness, file, socket, thread or float, and no walk over a
//! hash table. Python knows this crate only through `crates/market-py`.
//!
//! One door: [`Market::apply`] takes a frame and gives the events; [`Market::state`] and [`Market::load`] carry the whole
//! state over. Malformed bytes are an error and change nothing. A broken assertion or an overflow panics: it is a fault,
//! after which the market answers nothing more.

mod account;
mod admission;
mod amend;
mod auction;
mod band;
mod book;
mod cancel;
mod codec;
mod command;
mod deposit;
mod event;
mod invariants;
mod kinds;
mod ladder;
mod limits;
mod loading;
mod market;
mod matching;
mod names;
mod order;
mod phases;
mod registry;
mod reject;
mod session;
mod snapshot;
mod standing;
mod units;

pub use codec::Malformed;
pub use market::Market;
