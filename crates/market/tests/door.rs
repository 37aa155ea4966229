//! EN-1, EN-2 and EN-4 through the door: what is no frame, what is no state, and what a state carries over.

#[macro_use]
mod common;

use common::{Plan, World, at, bytes::Value};
use market::Market;

fn busy_world() -> World {
    let rows = [1, 2].map(|side| list![side, true, "EUR", 2_000, "2.00"]);
    let plan = Plan { deposit: rows.to_vec(), reference: Some("100"), ..Plan::cdca() };
    let mut world = World::with(&plan, "TRADING");
    for participant in ["a", "b", "e", "k/ka"] {
        world.credit(participant, 10_000_000);
    }
    world.orders(&[("a", "sell 100x5 min 2"), ("k/ka", "buy 100x2"), ("e", "buy 90x3 until 600000")]);
    world.operator(list![45, "s", "i", "95", Value::Nil, Value::Nil, 50_000]);
    world
}

/// EN-2: whatever prefix or single changed byte of a frame comes, the answer is events or an error; an error changes
/// nothing.
#[test]
fn malformed_frames_are_errors_and_change_nothing() {
    let mut world = busy_world();
    world.number += 1;
    let frame = world.frame(2, "tb", &common::place("buy 96x2 min 1 until 650000", None));
    let before = world.market.state();
    for length in 0..frame.len() {
        assert!(world.market.apply(&frame[..length]).is_err());
    }
    assert!(world.market.apply(&[frame.as_slice(), &[0xc0]].concat()).is_err());
    assert_eq!(world.market.state(), before);
    for at in 0..frame.len() {
        for byte in 0..=255_u8 {
            let mut changed = frame.clone();
            changed[at] = byte;
            let mut copy = Market::load(&before).expect("a state loads");
            if copy.apply(&changed).is_err() {
                assert_eq!(copy.state(), before);
            } else {
                copy.check().expect("every invariant holds");
            }
        }
    }
    assert!(world.market.apply(&frame).is_ok());
    assert!(world.market.apply(&frame).is_err(), "numbers rise");
}

/// PS-0.2: what no door lets through is malformed here.
#[test]
fn values_outside_the_grammar_are_malformed() {
    let mut world = busy_world();
    world.number += 1;
    let place = |price: &str, time_in_force: u64, until: Value| {
        list![46, "s", "i", 1, price, "1", Value::Nil, Value::Nil, false, time_in_force, until]
    };
    let long = "x".repeat(201);
    for command in [
        place("", 1, Value::Nil),
        place("1.", 1, Value::Nil),
        place("-1", 1, Value::Nil),
        place("1.0000000001", 1, Value::Nil),
        place("1", 5, Value::Nil),
        place("1", 4, Value::Nil),
        place("1", 1, at(1)),
        list![48],
        list![48, 1, 1],
        list![48, "1"],
        list![99, 1],
        list![41, "s", 0, 5],
        list![43, "s", long.as_str()],
        list![43, "s", ""],
        list![44, "s", list![1, 1_000_000_000]],
    ] {
        let frame = world.frame(1, "operator", &command);
        assert!(world.market.apply(&frame).is_err(), "{command:?}");
    }
}

/// EN-4: a state is refused unless it is whole, canonical and sound. A changed byte either gives a sound market with
/// exactly these bytes, or an error.
#[test]
fn a_damaged_state_is_refused_or_sound() {
    let world = busy_world();
    let state = world.market.state();
    assert_eq!(Market::load(&state).expect("a state loads").state(), state);
    for length in 0..state.len() {
        assert!(Market::load(&state[..length]).is_err());
    }
    assert!(Market::load(&[state.as_slice(), &[0xc0]].concat()).is_err());
    for at in 0..state.len() {
        for change in [0x01, 0x02, 0x04, 0x10, 0x40, 0x80, 0xff] {
            let mut changed = state.clone();
            changed[at] ^= change;
            if let Ok(loaded) = Market::load(&changed) {
                loaded.check().expect("every invariant holds");
                assert_eq!(loaded.state(), changed, "what was loaded is what is there");
            }
        }
    }
}

/// EN-4: the bytes of a small market, read field by field.
#[test]
fn the_state_has_the_layout_of_the_reference() {
    let world = busy_world();
    let state = Value::decode(&world.market.state());
    let top = state.list();
    assert_eq!((top.len(), top[0].int(), top[1].int(), top[2].int()), (12, 1, 3, 1));
    let participant =
        list!["a", true, list![1], Value::Nil, true, list![list!["metal", 1, "export"], list!["metal", 2, "export"]]];
    assert_eq!(top[3].list()[0], participant);
    assert_eq!(top[4], list![list!["ka", "k", true, Value::Nil]]);
    assert_eq!(top[5].list()[6], list!["tk", "k", true]);
    let instrument = list!["i", "metal", "export", "EUR", "1", "1", 100, true, Value::Nil, Value::Nil];
    assert_eq!(top[6], list![instrument]);
    let session = top[7].list()[0].list();
    assert_eq!(session.len(), 14);
    assert_eq!(session[10].list()[0], list![1, true, "EUR", 2_000, 200]);
    assert_eq!(session[11], list![list!["i", 100, 95, Value::Nil, Value::Nil, 50_000, 100, 5]]);
    let first = list![
        1,
        "s",
        "i",
        2,
        "a",
        Value::Nil,
        "ta",
        3,
        "a",
        100,
        5,
        2,
        2,
        false,
        1,
        Value::Nil,
        top[8].list()[0].list()[16].clone(),
        1,
        2_000,
        200,
        20_000
    ];
    assert_eq!(top[8].list()[0], first);
    let third = top[8].list()[2].list();
    assert_eq!((third[7].int(), third[8].text(), third[15].clone(), third[17].int()), (1, "g", at(600_000), 2));
    assert_eq!(top[9], list![list![1, 2, 1, 20_000, 20_000]]);
    assert_eq!(top[10].list()[0].list()[..3], list!["a", Value::Nil, "EUR"].list()[..]);
    assert_eq!(top[11], list![list!["EUR", 40_000_000, 0]]);
}

/// Follow-ups come from reactors only.
#[test]
fn follow_ups_are_refused_from_every_door() {
    let mut world = World::new();
    let command = list![61, "new", "k", true, Value::Nil];
    assert_eq!(world.operator(command.clone()), ["rejected 102 by - -"]);
    assert_eq!(world.trader("ta", command.clone()), ["rejected 102 by - -"]);
    assert_eq!(world.trader("nobody", command.clone()), ["rejected 101 by - -"]);
    assert_eq!(world.give(4, "timetable", command), ["rejected 102 by - -"]);
}

/// Packed frames give what single ones give.
#[test]
fn packed_frames_are_decided_one_by_one() {
    let mut world = busy_world();
    let mut copy = Market::load(&world.market.state()).expect("a state loads");
    let (mut frames, mut ends, mut answers) = (Vec::new(), Vec::new(), Vec::new());
    for text in ["buy 96x1", "sell 100x1", "buy 1x1"] {
        world.number += 1;
        let frame = world.frame(2, "tb", &common::place(text, None));
        answers.push(world.market.apply(&frame).expect("a well-formed frame").to_vec());
        frames.extend(frame);
        ends.push(frames.len());
    }
    let (events, event_ends) = copy.apply_packed(&frames, &ends).expect("well-formed frames");
    assert_eq!(events, answers.concat());
    assert_eq!(event_ends.last(), Some(&events.len()));
    assert!(copy.apply_packed(&frames, &ends[..2]).is_err());
}
