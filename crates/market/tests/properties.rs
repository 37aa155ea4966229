//! Random streams of commands from a seed: whatever comes, every invariant holds after every command, a reject changes
//! nothing, and a market that went over bytes decides like the one that did not. A failing run prints its seed.

#[macro_use]
mod common;

use common::{Plan, World, at, bytes::Value, phase};
use std::collections::BTreeSet;

/// xorshift64*: enough chance for tests, the same on every machine.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(from.len() as u64)).expect("a place")]
    }
}

const TRADERS: [&str; 9] = ["ta", "tb", "tc", "td", "te", "tf", "tk", "ta", "nobody"];
const PARTICIPANTS: [&str; 7] = ["a", "b", "c", "d", "e", "f", "k"];
const SESSIONS: [&str; 12] = ["s", "s", "s", "s", "s", "s", "s", "u", "u", "u", "u", "x"];
const INSTRUMENTS: [&str; 9] = ["i", "i", "i", "i", "i", "i", "j", "j", "z"];

struct Stream {
    chance: Chance,
    world: World,
    orders: u64,
    deals: Vec<u64>,
    met: BTreeSet<String>,
}

impl Stream {
    fn new(seed: u64) -> Stream {
        let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut world = World::new();
        world.reactor(list![63, "j", "metal", "export", "EUR", "0.5", "2", 100, true, 20, 30]);
        for participant in PARTICIPANTS {
            let client = if participant == "k" { Some("ka") } else { None };
            let amount = 1_000_000 * (1 + chance.below(100));
            world.reactor(list![64, participant, client, "EUR", amount]);
        }
        for (session, plan) in [("s", Plan::cdca()), ("u", Plan::call())] {
            let late_entry = chance.one_in(2);
            let plan = Plan { late_entry, ..plan };
            create(&mut world, &mut chance, session, &plan);
            world.go_to(session, &plan, "INTAKE");
        }
        if chance.one_in(2) {
            world.go_to("s", &Plan::cdca(), "TRADING");
        }
        Stream { chance, world, orders: 0, deals: Vec::new(), met: BTreeSet::new() }
    }

    fn price(&mut self) -> String {
        let chance = &mut self.chance;
        let price = 95 + chance.below(11);
        match chance.below(40) {
            0 => "0".to_owned(),
            1 => format!("{price}.25"),
            2 => "2000000001".to_owned(),
            3 => (price * 1_000_000).to_string(),
            4 | 5 => format!("{price}.5"),
            _ => price.to_string(),
        }
    }

    fn quantity(&mut self) -> String {
        let chance = &mut self.chance;
        match chance.below(30) {
            0 => "0".to_owned(),
            1 => "1.5".to_owned(),
            2 => "1000000002".to_owned(),
            _ => (2 * (1 + chance.below(8))).to_string(),
        }
    }

    fn optional(&mut self, one_in: u64, value: impl FnOnce(&mut Stream) -> Value) -> Value {
        if self.chance.one_in(one_in) { value(self) } else { Value::Nil }
    }

    fn place(&mut self) -> (u64, String, Value) {
        let trader = self.chance.pick(&TRADERS);
        let client = match (trader, self.chance.below(20)) {
            ("tk", 1..) | (_, 0) => Value::from("ka"),
            (_, 1) => "nobody".into(),
            _ => Value::Nil,
        };
        let minimum = self.optional(6, |stream| stream.quantity().into());
        let time_in_force = [1, 1, 1, 2, 3, 4][usize::try_from(self.chance.below(6)).expect("a place")];
        let until = if time_in_force == 4 { at(self.world.clock + self.chance.below(2_000)) } else { Value::Nil };
        let command = list![
            46,
            self.chance.pick(&SESSIONS),
            self.chance.pick(&INSTRUMENTS),
            1 + self.chance.below(2),
            self.price(),
            self.quantity(),
            client,
            minimum,
            self.chance.one_in(6),
            time_in_force,
            until
        ];
        (2, trader.to_owned(), command)
    }

    /// The one who may, mostly: orders are known by their number only, so the trader is a guess.
    fn amend_or_cancel(&mut self) -> (u64, String, Value) {
        let recent = self.orders.min(40) + 1;
        let order = (self.orders + 1 - self.chance.below(recent)).max(1);
        let trader = self.owner_of(order);
        if self.chance.one_in(4) {
            return (2, trader, list![48, order]);
        }
        let price = self.optional(2, |stream| stream.price().into());
        let quantity = self.optional(2, |stream| stream.quantity().into());
        let minimum = self.optional(8, |stream| stream.quantity().into());
        let until = self.optional(10, |stream| at(stream.world.clock + stream.chance.below(2_000)));
        (2, trader, list![47, order, price, quantity, minimum, until])
    }

    fn owner_of(&mut self, order: u64) -> String {
        let state = Value::decode(&self.world.market.state());
        let orders = state.list()[8].list();
        let found = usize::try_from(order).ok().and_then(|order| orders.get(order - 1));
        match found {
            Some(entry) if !self.chance.one_in(10) => entry.list()[6].text().to_owned(),
            _ => self.chance.pick(&TRADERS).to_owned(),
        }
    }

    fn session_command(&mut self) -> (u64, String, Value) {
        let session = self.chance.pick(&SESSIONS);
        let command = match self.chance.below(12) {
            0..=4 => self.change_phase(session),
            5 => list![42, session, "reason"],
            6 => list![44, session, at(self.world.clock + self.chance.below(10))],
            7 | 8 => {
                let bound = |stream: &mut Stream| {
                    stream.optional(2, |stream| (80 + stream.chance.below(40)).to_string().into())
                };
                let (lower, upper) = (bound(self), bound(self));
                let ppm = |stream: &mut Stream| stream.optional(3, |stream| stream.chance.below(200_000).into());
                list![45, session, self.chance.pick(&INSTRUMENTS), lower, upper, ppm(self), ppm(self)]
            }
            9 => list![50, session, at(self.world.clock + self.chance.below(100))],
            10 if self.chance.one_in(4) => list![43, session, "reason"],
            _ => {
                let side = self.optional(2, |stream| (1 + stream.chance.below(2)).into());
                let trader = self.optional(3, |stream| stream.chance.pick(&TRADERS).into());
                let client = self.optional(6, |_| "ka".into());
                let instrument = self.optional(3, |stream| stream.chance.pick(&INSTRUMENTS).into());
                list![49, session, instrument, side, trader, client]
            }
        };
        if self.chance.one_in(8) {
            (2, self.chance.pick(&TRADERS).to_owned(), command)
        } else {
            (1, "operator".to_owned(), command)
        }
    }

    /// Mostly the next phase; a session that is over begins anew under its name only in another world.
    fn change_phase(&mut self, session: &str) -> Value {
        if session == "x" {
            return list![41, session, 1, 2];
        }
        let present = self.world.phase_of(session);
        let next = match present {
            "HALTED" => 1 + self.chance.below(7),
            "TRADING" | "INTAKE" if !self.chance.one_in(5) => phase(present),
            _ => (phase(present) + 1 + self.chance.below(2)).min(11),
        };
        list![41, session, phase(present), next]
    }

    fn follow_up(&mut self) -> (u64, String, Value) {
        let participant = self.chance.pick(&PARTICIPANTS);
        let kinds = if participant == "k" { list![2] } else { list![1] };
        let group = if matches!(participant, "e" | "f") { Some("g") } else { None };
        let client = if participant == "k" { Some("ka") } else { None };
        let open_orders = 1 + u64::from(self.chance.one_in(4));
        let amount = self.chance.below(3_000_000);
        let command = match self.chance.below(5) {
            0 => {
                let both = list![list!["metal", 1, "export"], list!["metal", 2, "export"]];
                let permissions = if self.chance.one_in(6) { list![list!["metal", 1, "export"]] } else { both };
                list![60, participant, true, kinds, group, !self.chance.one_in(5), permissions, open_orders]
            }
            1 => list![
                62,
                format!("t{participant}"),
                participant,
                !self.chance.one_in(4),
                open_orders,
                true,
                kinds,
                group
            ],
            2 => list![64, participant, client, "EUR", amount],
            _ => match self.deals.pop() {
                Some(deal) => list![68, deal],
                None => list![65, "w", participant, client, "EUR", amount],
            },
        };
        (3, "reactor".to_owned(), command)
    }

    fn step(&mut self) {
        self.world.clock += self.chance.below(3);
        let (kind, actor, command) = match self.chance.below(100) {
            0..=49 => self.place(),
            50..=84 => self.amend_or_cancel(),
            85..=91 => self.session_command(),
            _ => self.follow_up(),
        };
        let events = self.world.give(kind, &actor, command);
        for line in events {
            let mut words = line.split_whitespace();
            self.met.extend(line.split_whitespace().next().map(str::to_owned));
            match (words.next(), words.next().and_then(|word| word.parse().ok())) {
                (Some("order_accepted"), Some(order)) => self.orders = order,
                (Some("deal"), Some(deal)) => {
                    let place = usize::try_from(self.chance.below(self.deals.len() as u64 + 1)).expect("a place");
                    self.deals.insert(place, deal);
                }
                _ => {}
            }
        }
    }
}

fn create(world: &mut World, chance: &mut Chance, session: &str, plan: &Plan) {
    let instruments = ["j", "i"].map(|instrument| {
        let reference = if chance.one_in(2) { Value::from("100.2") } else { Value::Nil };
        let down = if chance.one_in(3) { Value::from(100_000) } else { Value::Nil };
        list![instrument, reference, Value::Nil, Value::Nil, down, Value::Nil]
    });
    let phases: Vec<Value> = plan.phases.iter().map(|name| list![phase(name), at(1_000 * phase(name))]).collect();
    let rows = [1, 2].map(|side| list![side, true, "EUR", chance.below(100_000), "1.00"]);
    let rows = if chance.one_in(4) { Vec::new() } else { rows.to_vec() };
    let command = list![
        40,
        session,
        "metal",
        "export",
        plan.mechanism,
        instruments.to_vec(),
        phases,
        1,
        plan.late_entry,
        1,
        rows
    ];
    assert_eq!(world.operator(command), [format!("session_created {session}")]);
}

/// The events that the streams have to bring about, so that what they prove is not proved of nothing.
const EXPECTED: [&str; 16] = [
    "rejected",
    "order_accepted",
    "order_amended",
    "order_rested",
    "order_cancelled",
    "order_parked",
    "deal",
    "uncrossed",
    "uncrossed_without_price",
    "account",
    "phase_changed",
    "session_halted",
    "session_cancelled",
    "session_resuming",
    "orders_mass_cancelled",
    "orders_expired",
];

#[test]
fn every_invariant_holds_over_random_streams() {
    let mut met = BTreeSet::new();
    for seed in 1..=60 {
        let mut stream = Stream::new(seed);
        for step in 0..300 {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stream.step()));
            assert!(done.is_ok(), "seed {seed}, step {step}");
        }
        met.append(&mut stream.met);
    }
    for event in EXPECTED {
        assert!(met.contains(event), "no stream gave {event}");
    }
}
