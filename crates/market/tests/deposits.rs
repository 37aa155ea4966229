//! PS-5 and PS-9 through the door: what orders secure, and money that comes and goes.

#[macro_use]
mod common;

use common::{Plan, World, bytes::Value, phase};

/// Rate 0.2 %, floor 200.00 EUR, for everybody.
fn secured(phase: &str) -> World {
    let rows = [1, 2].map(|side| list![side, true, "EUR", 2_000, "200.00"]);
    let plan = Plan { deposit: rows.to_vec(), ..Plan::cdca() };
    let mut world = World::with(&plan, phase);
    for participant in ["a", "b"] {
        world.credit(participant, 100_000);
    }
    world
}

/// The example of PS-5, in minor units.
#[test]
fn the_example_of_the_rule_comes_out_step_by_step() {
    let mut world = secured("TRADING");
    let rested = world.order_with_accounts("a", "sell 24000x3");
    assert_eq!(rested, ["order_accepted 1 20000", "order_rested 1 3", "account a - EUR 80000 20000 0 0"]);
    let events = world.order_with_accounts("b", "buy 25000x10");
    let made = [
        "order_accepted 2 50000",
        "deal 1 2x1 3@24000 open 7/0",
        "order_rested 2 7",
        "account a - EUR 80000 0 20000 0",
        "account b - EUR 50600 29400 20000 0",
    ];
    assert_eq!(events, made);
    let events = world.order_with_accounts("a", "sell 25000x2");
    assert_eq!(events[1], "deal 2 2x3 2@25000 open 5/0");
    assert_eq!(events.last().map(String::as_str), Some("account b - EUR 50600 25000 24400 0"));
    let events = world.trader("tb", list![48, 2]);
    assert_eq!(events, ["order_cancelled 2 5 requested", "account b - EUR 75600 0 24400 0"]);
    let released = world.reactor(list![68, 1]);
    assert_eq!(released[0], "event 28 1");
    assert_eq!(released[2], "account b - EUR 80000 0 20000 0");
    assert_eq!(world.reactor(list![68, 2])[2], "account b - EUR 100000 0 0 0");
}

/// PS-5.4, PS-5.5: all of f(Vo) has to be free at entry.
#[test]
fn an_order_needs_its_whole_deposit_free_and_says_how_much() {
    let mut world = secured("TRADING");
    let short = ["rejected 401 - 100000 100002"];
    assert_eq!(world.order_with_accounts("a", "sell 500010x1"), short);
    assert_eq!(world.order_with_accounts("a", "sell 500010x1 fok"), short);
    assert_eq!(world.order_with_accounts("c", "sell 1x1"), ["rejected 401 - 0 20000"]);
    world.orders(&[("a", "sell 500000x1")]);
    assert_eq!(world.amend("a", 1, "price 500001"), ["rejected 401 - 100000 100001"]);
    let amended = world.trader("ta", list![47, 1, "1", Value::Nil, Value::Nil, Value::Nil]);
    assert_eq!(amended[2], "account a - EUR 80000 20000 0 0");
}

/// PS-5.6: blocked turns into reserved while the order is open.
#[test]
fn the_floor_stays_until_the_last_deal_is_done() {
    let mut world = secured("TRADING");
    world.orders(&[("a", "sell 100x2"), ("b", "buy 100x1")]);
    let events = world.reactor(list![68, 1]);
    assert_eq!(events[1..], ["account a - EUR 80000 20000 0 0", "account b - EUR 100000 0 0 0"]);
}

/// PS-0, withdrawals; PS-9, the limits of accounts.
#[test]
fn money_is_held_paid_and_released_within_the_limits() {
    let mut world = secured("INTAKE");
    let hold = |amount: u64| list![65, "w", "a", Value::Nil, "EUR", amount];
    assert_eq!(world.reactor(hold(100_001)), ["rejected 401 - 100000 100001"]);
    assert_eq!(world.reactor(hold(60_000)), ["event 25 w", "account a - EUR 40000 0 0 60000"]);
    let paid = world.reactor(list![66, "w", "a", Value::Nil, "EUR", 50_000]);
    assert_eq!(paid, ["event 26 w", "account a - EUR 40000 0 0 10000"]);
    let released = world.reactor(list![67, "v", "a", Value::Nil, "EUR", 10_000]);
    assert_eq!(released, ["event 27 v", "account a - EUR 50000 0 0 0"]);
    let most = 100_000_000_000_000_000;
    assert_eq!(world.credit("a", most - 49_999), [format!("rejected 318 amount - {most}")]);
    assert_eq!(world.credit("a", most - 50_000)[1], format!("account a - EUR {most} 0 0 0"));
}

/// PS-9: the sum of a currency.
#[test]
fn a_currency_has_a_limit_over_all_accounts() {
    let mut world = World::new();
    let most: u64 = 100_000_000_000_000_000;
    for number in 0..40 {
        let participant = format!("rich-{number}");
        assert_eq!(world.credit(&participant, most).len(), 2);
    }
    assert_eq!(world.credit("poor", 1), ["rejected 318 amount - 4000000000000000000"]);
    assert_eq!(world.credit("rich-1", 1), [format!("rejected 318 amount - {most}")]);
}

/// PS-12: accounts come last, ascending, each once, and only where something changed.
#[test]
fn changed_accounts_come_last_in_their_order() {
    let mut world = secured("TRADING");
    world.credit("k/ka", 50_000);
    world.orders(&[("k/ka", "sell 100x1"), ("a", "sell 100x1")]);
    let events = world.order_with_accounts("b", "buy 100x2");
    let accounts =
        ["account a - EUR 80000 0 20000 0", "account b - EUR 80000 0 20000 0", "account k ka EUR 30000 0 20000 0"];
    assert_eq!(events[3..], accounts);
    assert_eq!(world.operator(list![41, "s", phase("TRADING"), phase("CLOSING")]).len(), 1);
}
