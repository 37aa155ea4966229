//! PS-4 and PS-1.3 through the door: price, setting aside, readmission, pairing.

#[macro_use]
mod common;

use common::{Plan, World};

fn deal_making(orders: &[(&str, &str)], reference: Option<&'static str>) -> Vec<String> {
    let plan = Plan { reference, ..Plan::call() };
    let mut world = World::with(&plan, "INTAKE");
    world.orders(orders);
    let events = world.go_to("s", &plan, "DEAL_MAKING");
    assert_eq!(events[0], "phase_changed SELLER_CORRECTION DEAL_MAKING");
    common::without_accounts(events[1..].to_vec())
}

/// PS-4 example (a).
#[test]
fn the_midpoint_is_rounded_down_and_pairs_run_down_both_sides() {
    let orders = [("a", "buy 102x5"), ("b", "buy 101x3"), ("c", "sell 99x4"), ("d", "sell 100x4")];
    let deals = [
        "uncrossed 100 volume 8 surplus 0",
        "deal 1 1x3 4@100 open 1/0",
        "deal 2 1x4 1@100 open 0/3",
        "deal 3 2x4 3@100 open 0/0",
    ];
    assert_eq!(deal_making(&orders, None), deals);
    assert_eq!(deal_making(&orders, Some("103"))[0], "uncrossed 101 volume 8 surplus 0");
}

/// PS-4 example (b).
#[test]
fn an_order_that_would_be_cut_is_set_aside_and_reported() {
    let orders = [("a", "buy 102x5"), ("b", "buy 101x4 whole"), ("c", "buy 100x3"), ("d", "sell 100x7")];
    let deals = [
        "uncrossed 100 volume 7 surplus 1",
        "paradoxically_rejected 2",
        "deal 1 1x4 5@100 open 0/2",
        "deal 2 3x4 2@100 open 1/0",
    ];
    assert_eq!(deal_making(&orders, None), deals);
}

/// PS-4 example (c).
#[test]
fn readmission_goes_by_priority_in_one_pass() {
    let orders = [
        ("a", "buy 103x6 whole"),
        ("b", "buy 101x5 whole"),
        ("c", "buy 102x4 whole"),
        ("d", "sell 100x5"),
        ("e", "sell 101x3 whole"),
    ];
    let deals = [
        "uncrossed 100 volume 5 surplus 0",
        "paradoxically_rejected 1",
        "paradoxically_rejected 3",
        "deal 1 2x4 5@100 open 0/0",
    ];
    assert_eq!(deal_making(&orders, Some("1")), deals);
}

/// PS-4.5: nothing to trade.
#[test]
fn a_book_that_does_not_cross_gives_no_price() {
    assert_eq!(deal_making(&[("a", "buy 99x10"), ("b", "sell 100x10")], None), ["uncrossed_without_price"]);
    assert_eq!(deal_making(&[("a", "buy 99x10")], None), ["uncrossed_without_price"]);
    assert_eq!(deal_making(&[], None), Vec::<String>::new());
}

/// PS-4.3: a minimum binds what is allotted, not the single deal.
#[test]
fn a_minimum_binds_the_allotment() {
    let orders = [("a", "buy 100x6 min 4"), ("b", "sell 100x2"), ("c", "sell 100x3")];
    let deals = ["uncrossed 100 volume 5 surplus 1", "deal 1 1x2 2@100 open 4/0", "deal 2 1x3 3@100 open 1/0"];
    assert_eq!(deal_making(&orders, None), deals);
    let too_few = [("a", "buy 100x6 min 6"), ("b", "sell 100x2"), ("c", "sell 100x3")];
    assert_eq!(deal_making(&too_few, None), ["uncrossed_without_price"]);
}

/// PS-2.9 and PS-5.3: the opening of continuous trading.
#[test]
fn the_opening_uncrosses_and_leaves_the_rest_with_its_priority() {
    let plan = Plan::cdca();
    let mut world = World::with(&plan, "INTAKE");
    world.orders(&[("a", "sell 100x5"), ("b", "buy 101x3"), ("c", "sell 100x1")]);
    let events = world.go_to("s", &plan, "TRADING");
    let opening = ["phase_changed OPENING TRADING", "uncrossed 100 volume 3 surplus -3", "deal 1 2x1 3@100 open 0/2"];
    assert_eq!(events, opening);
    let next = ["order_accepted 4 0", "deal 2 4x1 2@100 open 1/0", "deal 3 4x3 1@100 open 0/0"];
    assert_eq!(world.order("d", "buy 100x3"), next);
}

/// PS-1.3: a seller may go down to what the uncrossing would give.
#[test]
fn a_seller_corrects_down_to_his_allotment() {
    let plan = Plan::call();
    let mut world = World::with(&plan, "INTAKE");
    world.orders(&[("a", "sell 100x10"), ("b", "buy 101x4"), ("c", "sell 101x5")]);
    world.go_to("s", &plan, "SELLER_CORRECTION");
    assert_eq!(world.amend("a", 1, "total 3"), ["rejected 204 - 6 -"]);
    assert_eq!(world.amend("a", 1, "total 3.999"), ["rejected 204 - 6 -"]);
    assert_eq!(world.amend("a", 1, "total 4"), ["order_amended 1 100 4 4 - - true 0"]);
    assert_eq!(world.amend("c", 3, "total 0"), ["rejected 302 quantity 1 1000000000, 314 quantity 0 -"]);
    assert_eq!(world.amend("c", 3, "price 102"), ["rejected 204 - 6 -"]);
    assert_eq!(world.amend("b", 2, "price 102"), ["rejected 204 - 6 -"]);
    let moved = ["order_amended 3 100 5 5 - - false 0", "order_rested 3 5"];
    assert_eq!(world.amend("c", 3, "price 100"), moved);
}
