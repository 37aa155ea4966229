//! A small exchange for tests: commands in a few words, events as lines of text. Everything goes through the public door,
//! and after every command the invariants and the way over bytes are proved.

#![allow(dead_code, reason = "each test file uses its part")]

#[macro_use]
pub mod bytes;

use bytes::Value;
use market::Market;

pub const SECONDS: u64 = 1_000_000;
pub const EXCHANGE: &str = "operator";
const REASONS: [&str; 9] = [
    "requested",
    "mass",
    "killed",
    "self_trade",
    "expired",
    "closing",
    "session_cancelled",
    "admission",
    "admission_withdrawn",
];
pub const PHASES: [&str; 11] = [
    "SCHEDULED",
    "INTAKE",
    "ADMISSION",
    "OPENING",
    "TRADING",
    "SELLER_CORRECTION",
    "DEAL_MAKING",
    "CLOSING",
    "CLOSED",
    "HALTED",
    "CANCELLED",
];

/// The number of a phase.
pub fn phase(name: &str) -> u64 {
    PHASES.iter().position(|other| *other == name).expect("a phase") as u64 + 1
}

pub struct World {
    pub market: Market,
    pub number: u64,
    /// Seconds after the beginning.
    pub clock: u64,
    /// Proves the way over bytes after every command; dear for large books.
    pub proves: bool,
}

/// What differs between sessions of tests.
#[derive(Clone)]
pub struct Plan {
    pub mechanism: u64,
    pub phases: Vec<&'static str>,
    /// Reference, lower, upper, down_ppm, up_ppm of the instrument.
    pub reference: Option<&'static str>,
    pub bounds: [Value; 4],
    pub self_trade: u64,
    pub late_entry: bool,
    pub deposit: Vec<Value>,
}

impl Plan {
    pub fn cdca() -> Plan {
        Plan {
            mechanism: 1,
            phases: vec!["SCHEDULED", "INTAKE", "ADMISSION", "OPENING", "TRADING", "CLOSING", "CLOSED"],
            reference: None,
            bounds: [Value::Nil, Value::Nil, Value::Nil, Value::Nil],
            self_trade: 1,
            late_entry: false,
            deposit: Vec::new(),
        }
    }

    pub fn call() -> Plan {
        Plan { mechanism: 2, phases: PHASES[..9].to_vec(), ..Plan::cdca() }
    }
}

impl World {
    /// Participants a to f (visitors, permitted for everything; e and f of group g), broker k with client ka, instrument
    /// i (EUR, tick 1, lot 1, k 100). The trader of participant x is tx.
    pub fn new() -> World {
        let mut world = World { market: Market::new(), number: 0, clock: 0, proves: true };
        for participant in ["a", "b", "c", "d", "e", "f", "k"] {
            let group = if matches!(participant, "e" | "f") { Some("g") } else { None };
            let kinds = if participant == "k" { list![2] } else { list![1] };
            let permissions = list![list!["metal", 1, "export"], list!["metal", 2, "export"]];
            world.reactor(list![60, participant, true, kinds.clone(), group, true, permissions, 1]);
            world.reactor(list![62, format!("t{participant}"), participant, true, 1, true, kinds, group]);
        }
        world.reactor(list![61, "ka", "k", true, Value::Nil]);
        world.reactor(list![63, "i", "metal", "export", "EUR", "1", "1", 100, true, Value::Nil, Value::Nil]);
        world
    }

    /// A world with session s of one instrument, in the phase given.
    pub fn with(plan: &Plan, phase: &str) -> World {
        let mut world = World::new();
        world.create("s", plan);
        world.go_to("s", plan, phase);
        world
    }

    pub fn create(&mut self, session: &str, plan: &Plan) {
        let listed = [vec!["i".into(), plan.reference.into()], plan.bounds.to_vec()].concat();
        let phases: Vec<Value> = plan.phases.iter().map(|name| list![phase(name), at(100_000 * phase(name))]).collect();
        let created = self.operator(list![
            40,
            session,
            "metal",
            "export",
            plan.mechanism,
            list![Value::List(listed)],
            phases,
            plan.self_trade,
            plan.late_entry,
            1,
            plan.deposit.clone()
        ]);
        assert_eq!(created, ["session_created s"]);
    }

    /// Goes on phase by phase; the events of the last change.
    pub fn go_to(&mut self, session: &str, plan: &Plan, to: &str) -> Vec<String> {
        let mut events = Vec::new();
        let end = plan.phases.iter().position(|name| *name == to).expect("a phase of the plan");
        let start = plan.phases.iter().position(|name| *name == self.phase_of(session)).expect("a phase of the plan");
        for pair in plan.phases[start..=end].windows(2) {
            events = self.operator(list![41, session, phase(pair[0]), phase(pair[1])]);
        }
        events
    }

    /// The phase of a session, out of the state.
    pub fn phase_of(&self, session: &str) -> &'static str {
        let state = Value::decode(&self.market.state());
        let found = state.list()[7].list().iter().find(|entry| entry.list()[0].text() == session);
        let number = found.expect("the session is there").list()[7].int();
        PHASES[usize::try_from(number).expect("a phase") - 1]
    }

    pub fn frame(&self, kind: u64, actor: &str, command: &Value) -> Vec<u8> {
        list![self.number, at(self.clock), kind, actor, command.clone()].encode()
    }

    /// Gives a command; its events as lines, after every proof.
    pub fn give(&mut self, kind: u64, actor: &str, command: Value) -> Vec<String> {
        self.number += 1;
        let frame = self.frame(kind, actor, &command);
        let before = if self.proves { self.market.state() } else { Vec::new() };
        let events = self.market.apply(&frame).expect("a well-formed frame").to_vec();
        if self.proves {
            self.market.check().expect("every invariant holds");
            let after = self.market.state();
            let mut copy = Market::load(&before).expect("a state loads");
            assert_eq!(copy.apply(&frame).expect("a well-formed frame"), events, "a loaded market decides alike");
            assert_eq!(copy.state(), after, "a loaded market becomes alike");
            let lines = Value::decode(&events);
            if lines.list()[0].list()[0].int() == 1 {
                assert!(before == after && lines.list().len() == 1, "a reject changes nothing");
            }
        }
        Value::decode(&events).list().iter().map(describe).collect()
    }

    pub fn reactor(&mut self, command: Value) -> Vec<String> {
        self.give(3, "reactor", command)
    }

    pub fn operator(&mut self, command: Value) -> Vec<String> {
        self.give(1, EXCHANGE, command)
    }

    pub fn trader(&mut self, trader: &str, command: Value) -> Vec<String> {
        self.give(2, trader, command)
    }

    /// An order of a participant (or `broker/client`) in session s, as in "buy 101x9 min 4 whole fok"; events without
    /// those of accounts.
    pub fn order(&mut self, by: &str, text: &str) -> Vec<String> {
        without_accounts(self.order_with_accounts(by, text))
    }

    pub fn order_with_accounts(&mut self, by: &str, text: &str) -> Vec<String> {
        let (participant, client) = by.split_once('/').map_or((by, None), |(broker, client)| (broker, Some(client)));
        let command = place(text, client);
        self.trader(&format!("t{participant}"), command)
    }

    /// Several orders whose events nobody looks at, but which must be accepted.
    pub fn orders(&mut self, orders: &[(&str, &str)]) {
        for (by, text) in orders {
            let events = self.order(by, text);
            assert!(events[0].starts_with("order_accepted"), "{text}: {events:?}");
        }
    }

    /// An amend such as "price 100 total 6 min 2 until 500" of an order by a participant's trader.
    pub fn amend(&mut self, by: &str, order: u64, text: &str) -> Vec<String> {
        let mut command = vec![47.into(), order.into(), Value::Nil, Value::Nil, Value::Nil, Value::Nil];
        let mut words = text.split_whitespace();
        while let (Some(what), Some(value)) = (words.next(), words.next()) {
            let (field, value) = match what {
                "price" => (2, value.into()),
                "total" => (3, value.into()),
                "min" => (4, value.into()),
                "until" => (5, at(value.parse().expect("seconds"))),
                _ => panic!("{what} cannot be amended"),
            };
            command[field] = value;
        }
        without_accounts(self.trader(&format!("t{by}"), Value::List(command)))
    }

    pub fn cancel(&mut self, by: &str, order: u64) -> Vec<String> {
        without_accounts(self.trader(&format!("t{by}"), list![48, order]))
    }

    pub fn credit(&mut self, by: &str, amount: u64) -> Vec<String> {
        let (participant, client) = by.split_once('/').map_or((by, None), |(broker, client)| (broker, Some(client)));
        self.reactor(list![64, participant, client, "EUR", amount])
    }
}

/// A time so many seconds after the beginning.
pub fn at(seconds: u64) -> Value {
    list![SECONDS + seconds, 0]
}

/// place_order out of a few words: side, price x quantity, then `min N`, `whole`, `ioc`, `fok`, `until SECONDS`.
pub fn place(text: &str, client: Option<&str>) -> Value {
    let mut words = text.split_whitespace();
    let side = if words.next() == Some("buy") { 1 } else { 2 };
    let (price, quantity) = words.next().and_then(|word| word.split_once('x')).expect("price x quantity");
    let (mut minimum, mut whole, mut time_in_force, mut until) = (Value::Nil, false, 1, Value::Nil);
    while let Some(word) = words.next() {
        match word {
            "min" => minimum = words.next().expect("a minimum").into(),
            "whole" => whole = true,
            "ioc" => time_in_force = 2,
            "fok" => time_in_force = 3,
            "until" => {
                time_in_force = 4;
                until = at(words.next().expect("seconds").parse().expect("seconds"));
            }
            _ => panic!("{word} is no condition"),
        }
    }
    list![46, "s", "i", side, price, quantity, client, minimum, whole, time_in_force, until]
}

pub fn without_accounts(events: Vec<String>) -> Vec<String> {
    events.into_iter().filter(|line| !line.starts_with("account")).collect()
}

fn words(values: &[Value]) -> String {
    let words: Vec<String> = values
        .iter()
        .map(|value| match value {
            Value::Nil => "-".to_owned(),
            Value::Bool(value) => value.to_string(),
            Value::Int(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::List(values) => format!("[{}]", self::words(values)),
        })
        .collect();
    words.join(" ")
}

/// An event as a line of text, with what tests ask about.
pub fn describe(event: &Value) -> String {
    let all = event.list();
    let number = |at: usize| all[at].int();
    match number(0) {
        1 => {
            let reasons = all[1].list().iter().map(|reason| words(reason.list()));
            format!("rejected {}", reasons.collect::<Vec<_>>().join(", "))
        }
        2 => format!("order_accepted {} {}", number(1), number(12)),
        3 => format!("order_amended {}", words(&all[1..])),
        4 => format!("order_rested {} {}", number(1), number(2)),
        5 => {
            let reason = REASONS[usize::try_from(number(3)).expect("a reason") - 1];
            let reasons = if all[4] == Value::Nil { String::new() } else { format!(" {}", words(&all[4..])) };
            format!("order_cancelled {} {} {reason}{reasons}", number(1), number(2))
        }
        6 => format!("order_parked {} {}", number(1), number(2)),
        7 => format!(
            "deal {} {}x{} {}@{} open {}/{}",
            number(1),
            number(4),
            number(5),
            number(7),
            number(6),
            number(9),
            number(10)
        ),
        8 => format!("uncrossed {} volume {} surplus {}", number(3), number(4), number(5)),
        9 => "uncrossed_without_price".to_owned(),
        10 => format!("paradoxically_rejected {}", number(1)),
        11 => format!("account {}", words(&all[1..])),
        12 => format!(
            "phase_changed {} {}",
            PHASES[usize::try_from(number(2)).expect("a phase") - 1],
            PHASES[usize::try_from(number(3)).expect("a phase") - 1]
        ),
        13 => format!("session_created {}", words(&all[1..])),
        14 => format!("session_halted {}", words(&all[1..])),
        15 => format!("session_cancelled {}", words(&all[1..])),
        16 => format!("session_resuming {}", words(&all[1..])),
        17 => "band_set".to_owned(),
        18 => format!("orders_mass_cancelled {} {}", number(2), number(3)),
        19 => format!("orders_expired {}", number(2)),
        tag @ 20..=28 => format!("event {tag} {}", words(&all[1..])),
        tag => panic!("the market has no event {tag}"),
    }
}
