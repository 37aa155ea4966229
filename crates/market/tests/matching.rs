//! PS-2 through the door: continuous matching, conditions, all or nothing, self-trade.

#[macro_use]
mod common;

use common::{Plan, World};

fn trading() -> World {
    World::with(&Plan::cdca(), "TRADING")
}

/// PS-2 example (a).
#[test]
fn an_indivisible_order_is_skipped_and_the_book_stays_crossed() {
    let start = || {
        let mut world = trading();
        world.orders(&[("a", "sell 100x3"), ("b", "sell 100x5"), ("c", "sell 101x4 whole")]);
        let events = world.order("d", "buy 101x9");
        let deals =
            ["order_accepted 4 0", "deal 1 4x1 3@100 open 6/0", "deal 2 4x2 5@100 open 1/0", "order_rested 4 1"];
        assert_eq!(events, deals);
        world
    };
    assert_eq!(start().order("a", "sell 101x1"), ["order_accepted 5 0", "deal 3 4x5 1@101 open 0/0"]);
    assert_eq!(start().order("a", "buy 101x3"), ["order_accepted 5 0", "order_rested 5 3"]);
}

/// PS-2 example (b).
#[test]
fn all_or_nothing_plans_without_backtracking() {
    let start = || {
        let mut world = trading();
        world.orders(&[("a", "sell 100x3 whole"), ("b", "sell 100x2 whole"), ("c", "sell 100x2 whole")]);
        world
    };
    assert_eq!(start().order("d", "buy 100x4 fok"), ["order_accepted 4 0", "order_cancelled 4 4 killed"]);
    let five = ["order_accepted 4 0", "deal 1 4x1 3@100 open 2/0", "deal 2 4x2 2@100 open 0/0"];
    assert_eq!(start().order("d", "buy 100x5 fok"), five);
    assert_eq!(start().order("d", "buy 100x4 whole"), ["order_accepted 4 0", "order_rested 4 4"]);
    assert_eq!(start().order("d", "buy 100x4 whole ioc"), ["order_accepted 4 0", "order_cancelled 4 4 killed"]);
}

/// PS-2 example (c).
#[test]
fn a_rest_below_the_minimum_is_filled_as_a_whole() {
    let mut world = trading();
    world.orders(&[("a", "sell 100x10 min 4")]);
    assert_eq!(world.order("b", "buy 100x7"), ["order_accepted 2 0", "deal 1 2x1 7@100 open 0/3"]);
    assert_eq!(world.order("c", "buy 100x2"), ["order_accepted 3 0", "order_rested 3 2"]);
    assert_eq!(world.order("d", "buy 100x3"), ["order_accepted 4 0", "deal 2 4x1 3@100 open 0/0"]);
}

/// PS-2 examples (d) and (e): e and f are of one group.
#[test]
fn self_trade_takes_the_rest_of_the_newest_and_comes_after_the_skip_test() {
    let start = || {
        let mut world = trading();
        world.orders(&[("a", "sell 100x2"), ("e", "sell 100x2")]);
        world
    };
    let free = ["order_accepted 3 0", "deal 1 3x1 2@100 open 3/0", "order_cancelled 3 3 self_trade"];
    assert_eq!(start().order("f", "buy 100x5"), free);
    assert_eq!(start().order("f", "buy 100x5 fok"), ["order_accepted 3 0", "order_cancelled 3 5 self_trade"]);
    assert_eq!(start().order("f", "buy 100x2 fok"), ["order_accepted 3 0", "deal 1 3x1 2@100 open 0/0"]);
    let mut world = trading();
    world.orders(&[("e", "sell 100x4 whole"), ("a", "sell 101x2")]);
    assert_eq!(world.order("f", "buy 101x2"), ["order_accepted 3 0", "deal 1 3x2 2@101 open 0/0"]);
}

/// PS-2.8: `allow` makes no test at all.
#[test]
fn self_trade_may_be_allowed_for_benchmarks() {
    let plan = Plan { self_trade: 2, ..Plan::cdca() };
    let mut world = World::with(&plan, "INTAKE");
    world.orders(&[("a", "sell 100x2")]);
    assert_eq!(world.order("a", "buy 100x1"), ["order_accepted 2 0", "order_rested 2 1"]);
    let events = world.go_to("s", &plan, "TRADING");
    assert_eq!(events[1..], ["uncrossed 100 volume 1 surplus -1", "deal 1 2x1 1@100 open 0/1"]);
    assert_eq!(world.order("a", "buy 100x1"), ["order_accepted 3 0", "deal 2 3x1 1@100 open 0/0"]);
}

/// PS-2.3: the minimum of the incoming order binds each deal, too.
#[test]
fn an_incoming_minimum_skips_smaller_orders() {
    let mut world = trading();
    world.orders(&[("a", "sell 100x2"), ("b", "sell 101x6"), ("c", "sell 101x1")]);
    let events = world.order("d", "buy 101x8 min 3");
    assert_eq!(events, ["order_accepted 4 0", "deal 1 4x2 6@101 open 2/0", "order_rested 4 2"]);
}

/// PS-2.1: price, then priority; a better price met later is a better deal.
#[test]
fn the_best_price_trades_first_and_sets_the_price() {
    let mut world = trading();
    world.orders(&[("a", "buy 99x1"), ("b", "buy 101x1"), ("c", "buy 101x2"), ("d", "buy 100x1")]);
    let events = world.order("e", "sell 99x4 ioc");
    let deals =
        ["order_accepted 5 0", "deal 1 2x5 1@101 open 0/3", "deal 2 3x5 2@101 open 0/1", "deal 3 4x5 1@100 open 0/0"];
    assert_eq!(events, deals);
    assert_eq!(world.order("e", "sell 99x4 ioc").last().map(String::as_str), Some("order_cancelled 6 3 killed"));
}
