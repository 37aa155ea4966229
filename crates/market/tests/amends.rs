//! PS-6 and PS-10 through the door: amends, cancels, bands, parking; PS-1.4, PS-11 on the way.

#[macro_use]
mod common;

use common::{Plan, World, at, bytes::Value, phase};

fn trading() -> World {
    World::with(&Plan::cdca(), "TRADING")
}

/// The example of PS-6.
#[test]
fn a_smaller_total_keeps_priority_and_everything_else_loses_it() {
    let start = || {
        let mut world = trading();
        world.orders(&[("a", "sell 100x10"), ("b", "buy 100x4")]);
        world
    };
    assert_eq!(start().amend("a", 1, "total 6"), ["order_amended 1 100 6 2 - - true 0"]);
    assert_eq!(start().amend("a", 1, "total 4"), ["rejected 314 quantity 4 -"]);
    let rested = |event: &str, open: &str| [event.to_owned(), format!("order_rested 1 {open}")];
    assert_eq!(start().amend("a", 1, "total 12"), rested("order_amended 1 100 12 8 - - false 0", "8"));
    assert_eq!(start().amend("a", 1, "price 101 total 6"), rested("order_amended 1 101 6 2 - - false 0", "2"));
    assert_eq!(start().amend("a", 1, "total 10 price 100"), ["rejected 315 - - -"]);
    assert_eq!(start().amend("a", 1, "min 2"), rested("order_amended 1 100 10 6 2 - false 0", "6"));
    assert_eq!(start().amend("b", 1, "total 12"), ["rejected 209 order - -"]);
    assert_eq!(start().amend("b", 2, "price 101"), ["rejected 208 order 3 -"]);
}

/// PS-6.3: an amended order is the newest, and may trade.
#[test]
fn a_better_price_walks_as_incoming() {
    let mut world = trading();
    world.orders(&[("a", "sell 102x3"), ("b", "buy 100x2"), ("e", "buy 99x2"), ("f", "sell 103x5")]);
    let events = world.amend("a", 1, "price 100");
    assert_eq!(events, ["order_amended 1 100 3 3 - - false 0", "deal 1 2x1 2@100 open 0/1", "order_rested 1 1"]);
    let events = world.amend("f", 4, "price 99");
    assert_eq!(events, ["order_amended 4 99 5 5 - - false 0", "order_cancelled 4 5 self_trade"]);
}

/// PS-3.2: all reasons of a stage at once, ascending, each once.
#[test]
fn all_reasons_of_a_stage_are_reported_together() {
    let bounds = ["90".into(), "110".into(), Value::Nil, Value::Nil];
    let mut world = World::with(&Plan { bounds, ..Plan::cdca() }, "INTAKE");
    assert_eq!(world.order("a", "buy 111x0"), ["rejected 302 quantity 1 1000000000, 306 price 90 110"]);
    let all = "rejected 304 price - -, 305 quantity - -, 306 price 90 110, 308 minimum - 2, 311 time_in_force - -";
    assert_eq!(world.order("a", "buy 110.5x2.5 min 3 ioc"), [all]);
    let unknown = world.trader("nobody", list![46, "x", "y", 1, "1", "1", "z", Value::Nil, false, 1, Value::Nil]);
    let first = "rejected 101 by - -, 103 session - -, 104 instrument - -, 106 client - -";
    assert_eq!(unknown, [first]);
    assert_eq!(world.operator(common::place("buy 1x1", None)), ["rejected 102 by - -"]);
    assert_eq!(world.order("k", "buy 100x1"), ["rejected 202 client - -"]);
}

/// PS-9: the greatest values, and one more.
#[test]
fn limits_hold_at_and_beyond() {
    let mut world = World::with(&Plan::cdca(), "INTAKE");
    assert_eq!(world.order("a", "buy 2000000000x5000")[0], "order_accepted 1 0");
    assert_eq!(world.order("a", "buy 2000000000x5001"), ["rejected 303 price - 1000000000000000"]);
    assert_eq!(world.order("a", "buy 2000000000x5000.1"), ["rejected 303 price - 1000000000000000, 305 quantity - -"]);
    assert_eq!(world.order("a", "buy 2000000001x1"), ["rejected 301 price 1 2000000000"]);
    assert_eq!(world.order("a", "buy 0.999999999x1"), ["rejected 301 price 1 2000000000"]);
    assert_eq!(world.order("b", "buy 1x1000000000")[0], "order_accepted 2 0");
    assert_eq!(world.order("b", "buy 1x1000000001"), ["rejected 302 quantity 1 1000000000"]);
    assert_eq!(world.order("b", "buy 999999999999999.999999999x1"), ["rejected 301 price 1 2000000000"]);
}

/// PS-10.3, PS-10.4: only set_band parks; an amend brings back.
#[test]
fn a_new_band_parks_and_an_amend_brings_back() {
    let mut world = trading();
    world.orders(&[("a", "sell 100x5"), ("b", "buy 90x2"), ("a", "sell 120x1")]);
    let set = |lower: &str, upper: &str| list![45, "s", "i", lower, upper, Value::Nil, Value::Nil];
    let parked = ["band_set", "order_parked 2 2", "order_parked 3 1"];
    assert_eq!(world.operator(set("95", "110")), parked);
    assert_eq!(world.order("c", "sell 90x1"), ["rejected 306 price 95 110"]);
    assert_eq!(world.amend("b", 2, "total 1"), ["rejected 306 price 95 110"]);
    assert_eq!(world.amend("b", 2, "total 2"), ["rejected 306 price 95 110, 315 - - -"]);
    let back = ["order_amended 2 100 2 2 - - false 0", "deal 1 2x1 2@100 open 0/3"];
    assert_eq!(world.amend("b", 2, "price 100"), back);
    assert_eq!(world.cancel("a", 3), ["order_cancelled 3 1 requested"]);
    assert_eq!(world.operator(set("1", "2")), ["band_set", "order_parked 1 3"]);
}

/// The example of PS-10: the anchor is the last price, before it the reference.
#[test]
fn a_relative_band_follows_the_last_price() {
    let bounds = [Value::Nil, Value::Nil, 200_000.into(), 100.into()];
    let mut world = World::with(&Plan { bounds, reference: Some("1000"), ..Plan::cdca() }, "TRADING");
    assert_eq!(world.order("a", "sell 1001x1"), ["rejected 306 price 800 1000"]);
    world.orders(&[("a", "sell 1000x1"), ("b", "buy 1000x1"), ("a", "sell 1000x1")]);
    world.operator(list![45, "s", "i", Value::Nil, Value::Nil, 1_000_000, 10_000]);
    assert_eq!(world.order("a", "sell 1011x1"), ["rejected 306 price 1 1010"]);
}

/// PS-6.6: filters, scope and phase.
#[test]
fn a_mass_cancel_stays_within_its_filter_and_scope() {
    let plan = Plan::cdca();
    let mut world = World::with(&plan, "INTAKE");
    world.orders(&[("a", "sell 100x1"), ("b", "sell 101x1"), ("a", "sell 102x2"), ("a", "buy 90x1")]);
    let mass = |side: Value, trader: Value| list![49, "s", Value::Nil, side, trader, Value::Nil];
    let cancelled = ["order_cancelled 1 1 mass", "order_cancelled 3 2 mass", "orders_mass_cancelled 2 0"];
    assert_eq!(world.trader("ta", mass(2.into(), Value::Nil)), cancelled);
    assert_eq!(world.trader("ta", mass(Value::Nil, "tb".into())), ["orders_mass_cancelled 0 0"]);
    world.go_to("s", &plan, "OPENING");
    assert_eq!(world.trader("ta", mass(Value::Nil, Value::Nil)), ["orders_mass_cancelled 0 1"]);
    let all = ["order_cancelled 2 1 mass", "order_cancelled 4 1 mass", "orders_mass_cancelled 2 0"];
    assert_eq!(world.operator(mass(Value::Nil, Value::Nil)), all);
}

/// PS-1.4, PS-6.6: the admission test, and what a suspension does.
#[test]
fn admission_is_tested_again_and_may_be_withdrawn() {
    let plan = Plan::cdca();
    let mut world = World::with(&plan, "INTAKE");
    world.orders(&[("a", "sell 100x1"), ("b", "sell 101x1"), ("c", "buy 50x1")]);
    let suspend = |participant: &str, cancel: u64| {
        list![60, participant, true, list![1], Value::Nil, false, Vec::<Value>::new(), cancel]
    };
    assert_eq!(world.reactor(suspend("b", 1)), ["event 20 b false"]);
    assert_eq!(world.reactor(suspend("c", 2)), ["event 20 c false", "order_cancelled 3 1 admission_withdrawn"]);
    let events = world.go_to("s", &plan, "ADMISSION");
    assert_eq!(events[1..], ["order_cancelled 2 1 admission [[201 - - -]]"]);
    assert_eq!(world.order("b", "sell 1x1"), ["rejected 201 - - -, 204 - 3 -"]);
}

/// PS-11.3, PS-11.4: a halt moves what is planned, and until-orders expire when they are due.
#[test]
fn a_halt_moves_the_plan_and_repeats_nothing() {
    let mut world = trading();
    world.orders(&[("a", "sell 100x1 until 700000")]);
    assert_eq!(world.order("a", "sell 100x1 until 800001"), ["rejected 312 until - -"]);
    assert_eq!(world.operator(list![42, "s", "why"]), ["session_halted s 5 why"]);
    assert_eq!(world.operator(list![42, "s", "why"]), ["rejected 206 session - -"]);
    assert_eq!(world.operator(list![44, "s", at(50)]), ["session_resuming s [1000050 0]"]);
    assert_eq!(world.operator(list![42, "s", "no"]), ["session_halted s 10 no"]);
    world.clock = 100;
    assert_eq!(world.operator(list![44, "s", at(99)]), ["rejected 206 resume_at - -"]);
    assert_eq!(world.amend("a", 1, "price 99"), ["rejected 204 - 10 -"]);
    let back = list![41, "s", phase("HALTED"), phase("TRADING")];
    assert_eq!(world.operator(back), ["phase_changed HALTED TRADING"]);
    assert_eq!(world.order("a", "sell 100x1 until 800100")[0], "order_accepted 2 0");
    let expire = list![50, "s", at(700_000)];
    assert_eq!(world.operator(expire), ["order_cancelled 1 1 expired", "orders_expired 1"]);
    let events = world.operator(list![43, "s", "end"]);
    assert_eq!(events, ["session_cancelled s 5 end", "order_cancelled 2 1 session_cancelled"]);
    assert_eq!(world.operator(list![50, "s", at(1)]), ["rejected 204 - 11 -"]);
}

/// PS-2.8: own orders on the other side, in phases without matching.
#[test]
fn own_opposite_orders_are_refused_where_nothing_matches() {
    let mut world = World::with(&Plan::call(), "INTAKE");
    world.orders(&[("e", "sell 100x1"), ("f", "buy 99x1"), ("a", "buy 100x1")]);
    assert_eq!(world.order("f", "buy 100x1"), ["rejected 313 price - -"]);
    assert_eq!(world.order("f", "buy 99.5x1"), ["rejected 304 price - -"]);
    assert_eq!(world.order("f", "buy 100.5x1"), ["rejected 304 price - -, 313 price - -"]);
    assert_eq!(world.amend("e", 1, "price 99"), ["rejected 313 price - -"]);
    world.cancel("f", 2);
    assert_eq!(world.amend("e", 1, "price 99")[1], "order_rested 1 1");
}

/// PS-3.2: entries are counted per participant, instrument and phase; nothing gives one back.
#[test]
fn entries_are_counted_where_the_instrument_limits_them() {
    let mut world = World::new();
    world.reactor(list![63, "j", "metal", "export", "EUR", "1", "1", 100, false, 5, 2]);
    let listed = list!["j", Value::Nil, Value::Nil, Value::Nil, Value::Nil, Value::Nil];
    let phases = ["INTAKE", "TRADING", "CLOSING", "CLOSED"].map(|name| list![phase(name), at(phase(name))]);
    let created =
        list![40, "s", "metal", "export", 1, list![listed], phases.to_vec(), 1, false, 1, Vec::<Value>::new()];
    assert_eq!(world.operator(created), ["session_created s"]);
    let place = |quantity: &str, whole: bool| {
        list![46, "s", "j", 1, "7", quantity, Value::Nil, Value::Nil, whole, 1, Value::Nil]
    };
    assert_eq!(world.trader("ta", place("6", true)), ["rejected 307 quantity - 5, 309 indivisible - -"]);
    assert_eq!(world.trader("ta", place("5", false))[0], "order_accepted 1 0");
    world.cancel("a", 1);
    assert_eq!(world.trader("ta", place("5", false))[0], "order_accepted 2 0");
    assert_eq!(world.trader("ta", place("5", false)), ["rejected 207 instrument - 2"]);
    assert_eq!(world.trader("tb", place("5", false))[0], "order_accepted 3 0");
    world.operator(list![41, "s", phase("INTAKE"), phase("TRADING")]);
    assert_eq!(world.trader("ta", place("5", false))[0], "order_accepted 4 0");
}
