//! How fast is the market on the one-symbol workload of the exchange-core project (PERFORMANCE, "the market workload")?
//! 1,000 resting orders, 1,000 users, deposits on, every event encoded; messages are frames as a door would give them.
//! Prints `name value unit` lines and the checksum (deals, their quantity, orders left) that any run of a seed must give.
//!
//! `cargo run --release -p market --example workload [messages] [seed] [runs]`
#![allow(clippy::disallowed_types, reason = "a benchmark needs a clock")]
#![allow(clippy::print_stdout, reason = "figures are for people")]

#[macro_use]
#[path = "../tests/common/mod.rs"]
mod common;

use common::bytes::Value;
use common::{at, phase};
use market::Market;
use std::time::Instant;

const USERS: u64 = 1_000;
const TARGET: usize = 1_000;
const BLOCK: usize = 64;

/// xorshift64*.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).expect("a place")
    }
}

/// An order that the generator believes to be in the book.
#[derive(Clone, Copy)]
struct Live {
    order: u64,
    user: u64,
    is_buy: bool,
    price: i64,
}

struct Generator {
    chance: Chance,
    market: Market,
    number: u64,
    live: Vec<Live>,
    last: i64,
    start: i64,
    deviation: i64,
    lack: [i64; 2],
    was_full: bool,
    frames: Vec<Vec<u8>>,
    placed: u64,
    deals: u64,
    traded: u64,
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("a small number")
}

impl Generator {
    fn new(seed: u64) -> Generator {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let start = signed((2_000 + chance.below(18_000)) * (1 + chance.below(30)));
        let deviation = (start / 20).min(10_000);
        Generator {
            chance,
            market: Market::new(),
            number: 0,
            live: Vec::new(),
            last: start,
            start,
            deviation,
            lack: [500, 500],
            was_full: false,
            frames: Vec::new(),
            placed: 0,
            deals: 0,
            traded: 0,
        }
    }

    /// The exchange before the first order.
    fn prepare(&mut self, self_trade: u64) {
        let permissions = list![list!["metal", 1, "export"], list!["metal", 2, "export"]];
        for user in 0..USERS {
            let participant = format!("p{user}");
            let kinds = list![1];
            self.give(
                3,
                "r",
                list![60, participant.as_str(), true, kinds.clone(), Value::Nil, true, permissions.clone(), 1],
            );
            self.give(3, "r", list![62, format!("t{user}"), participant.as_str(), true, 1, true, kinds, Value::Nil]);
            self.give(3, "r", list![64, participant, Value::Nil, "EUR", 1_000_000_000_000_000_u64]);
        }
        self.give(3, "r", list![63, "i", "metal", "export", "EUR", "1", "1", 100, true, Value::Nil, Value::Nil]);
        let phases = ["INTAKE", "TRADING", "CLOSING", "CLOSED"].map(|name| list![phase(name), at(phase(name))]);
        let rows = [1, 2].map(|side| list![side, true, "EUR", 2_000, "0"]);
        let width = 5 * self.deviation;
        let bounds = [self.start - width, self.start + width].map(|bound| Value::from(bound.to_string()));
        let listed = [vec!["i".into(), self.start.to_string().into()], bounds.to_vec(), vec![Value::Nil, Value::Nil]];
        let listed = Value::List(listed.concat());
        self.give(
            1,
            "operator",
            list![40, "s", "metal", "export", 1, list![listed], phases.to_vec(), self_trade, false, 1, rows.to_vec()],
        );
        self.give(1, "operator", list![41, "s", phase("INTAKE"), phase("TRADING")]);
    }

    fn give(&mut self, kind: u64, actor: &str, command: Value) {
        self.number += 1;
        let frame = list![self.number, at(self.number / 1_000), kind, actor, command].encode();
        let events = Value::decode(self.market.apply(&frame).expect("a well-formed frame"));
        self.frames.push(frame);
        for event in events.list() {
            self.note(event.list());
        }
    }

    fn note(&mut self, event: &[Value]) {
        let number = |at: usize| u64::try_from(event[at].int()).expect("a number");
        match number(0) {
            1 => panic!("the workload has no rejects: {event:?}"),
            5 => self.live.retain(|live| live.order != number(1)),
            7 => {
                self.deals += 1;
                self.traded += number(7);
                self.last = signed(number(6));
                for (order, open) in [(4, 9), (5, 10)] {
                    if number(open) == 0 {
                        self.live.retain(|live| live.order != number(order));
                    }
                }
            }
            _ => {}
        }
    }

    fn message(&mut self, count: usize) {
        if count % 512 == 0 {
            for is_buy in [true, false] {
                let there = self.live.iter().filter(|live| live.is_buy == is_buy).count();
                self.lack[usize::from(is_buy)] = signed((TARGET / 2) as u64) - signed(there as u64);
            }
            self.was_full |= self.lack.iter().any(|lack| *lack <= 0);
        }
        let is_buy = self.chance.below(2) == 0;
        let lack = self.lack[usize::from(is_buy)];
        let is_growing = lack > 0;
        let kinds = if !is_growing {
            40
        } else if !self.was_full || lack > 375 {
            2
        } else {
            10
        };
        match self.chance.below(kinds) {
            _ if self.live.is_empty() => self.place(is_buy, true),
            0 | 1 => self.place(is_buy, is_growing),
            2 => {
                let victim = self.victim();
                self.give(2, &format!("t{}", victim.user), list![48, victim.order]);
            }
            _ => self.shift(),
        }
    }

    fn victim(&mut self) -> Live {
        let at = self.chance.place(self.live.len().min(512));
        self.live[at]
    }

    fn place(&mut self, is_buy: bool, is_growing: bool) {
        let user = self.chance.below(USERS);
        let part = signed(self.chance.below(1 << 16));
        let width = 1 + ((((part * part) >> 16) * self.deviation) >> 16);
        let sum: i64 = (0..4).map(|_| signed(self.chance.below(width.unsigned_abs()))).sum();
        let offset = (sum / 4 * 2 - width).abs();
        let edge = 5 * self.deviation;
        let price = match (is_growing, is_buy) {
            (true, true) => self.last - offset,
            (true, false) => self.last + offset,
            (false, true) => self.start + edge,
            (false, false) => self.start - edge,
        };
        let price = price.clamp(self.start - edge, self.start + edge);
        let r = self.chance.below(6);
        let quantity = 1 + r * r * r;
        let order = self.placed + 1;
        if is_growing {
            self.live.push(Live { order, user, is_buy, price });
        }
        let time_in_force = if is_growing { 1 } else { 2 };
        let side = if is_buy { 1 } else { 2 };
        let command = list![
            46,
            "s",
            "i",
            side,
            price.to_string(),
            quantity.to_string(),
            Value::Nil,
            Value::Nil,
            false,
            time_in_force,
            Value::Nil
        ];
        self.placed += 1;
        self.give(2, &format!("t{user}"), command);
    }

    fn shift(&mut self) {
        let victim = self.victim();
        let distance = self.last - victim.price;
        let step = (distance.abs() / 100).max(1) * distance.signum();
        let edge = 5 * self.deviation;
        let price = if step == 0 {
            if self.chance.below(2) == 0 { victim.price + 1 } else { victim.price - 1 }
        } else {
            victim.price + step
        };
        let price = price.clamp(self.start - edge, self.start + edge);
        let found = self.live.iter_mut().find(|live| live.order == victim.order).expect("the victim lives");
        found.price = price;
        let command = list![47, victim.order, price.to_string(), Value::Nil, Value::Nil, Value::Nil];
        self.give(2, &format!("t{}", victim.user), command);
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut number = |default: u64| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (messages, seed, runs) = (number(1_000_000), number(2), number(5));
    for (name, self_trade) in [("allow", 2), ("cancel_newest", 1)] {
        let mut generator = Generator::new(seed);
        generator.prepare(self_trade);
        let prepared = generator.frames.len();
        for count in 0..usize::try_from(messages).expect("a count") {
            generator.message(count);
        }
        println!("{name}_deals {} deals", generator.deals);
        println!("{name}_traded {} lots", generator.traded);
        measure(name, &generator.frames, prepared, runs);
    }
}

/// Some runs over the same frames; the best one counts, since the machine is shared.
fn measure(name: &str, frames: &[Vec<u8>], prepared: usize, runs: u64) {
    let (mut best, mut blocks, mut sums) = (u128::MAX, Vec::new(), [0_u64; 2]);
    for _ in 0..runs {
        let mut market = Market::new();
        for frame in &frames[..prepared] {
            market.apply(frame).expect("a well-formed frame");
        }
        let (mut times, mut bytes) = (Vec::with_capacity(frames.len() / BLOCK + 1), 0);
        let begin = Instant::now();
        for block in frames[prepared..].chunks(BLOCK) {
            let start = Instant::now();
            for frame in block {
                bytes += market.apply(frame).expect("a well-formed frame").len();
            }
            times.push(start.elapsed().as_nanos());
        }
        let total = begin.elapsed().as_nanos();
        if total < best {
            (best, blocks) = (total, times);
        }
        sums = [market.open_orders(), bytes as u64];
    }
    blocks.sort_unstable();
    let count = (frames.len() - prepared) as u128;
    let quantile = |part: usize| blocks[(blocks.len() - 1) * part / 100] / BLOCK as u128;
    println!("{name}_rate {} commands/s", count * 1_000_000_000 / best);
    println!("{name}_p50 {} ns", quantile(50));
    println!("{name}_p99 {} ns", quantile(99));
    println!("{name}_left {} orders", sums[0]);
    println!("{name}_events {} bytes", sums[1]);
}
