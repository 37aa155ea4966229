//! State bytes to a market (EN-4). Nothing of them is believed: keys must ascend, names must be known, sums are proved
//! by `check` before the market is handed out.

use crate::account::{Balances, Total};
use crate::book::{Book, Bounds, NewBook};
use crate::codec::{Malformed, Read, Reader};
use crate::command::{
    SetAdmission, SetAuthority, SetClient, Standing, read_holder, read_permission, read_planned_phase, read_standing,
    read_terms,
};
use crate::invariants::Broken;
use crate::kinds::{Mechanism, NamesAt, OpenOrders, OrderState, Phase, SelfTrade, Side, TimeInForce};
use crate::limits::{
    ACCOUNT_MAX, BOUND_TICKS_CAP, DEAL_VALUE_MAX, ORDINAL_MAX, PPM, PRICE_TICKS_MAX, QUANTITY_LOTS_MAX,
};
use crate::market::Market;
use crate::order::{Deal, Deals, Group, GroupKind, Order, place_of};
use crate::phases;
use crate::session::{DepositRow, Halt, Session, encoded_names};
use crate::snapshot::{ORDER_FIELDS, VERSION};
use crate::units::{Handle, NONE};
use std::collections::BTreeMap;

pub(crate) fn load(state: &[u8]) -> Result<Market, Malformed> {
    let mut from = Reader::new(state);
    let mut market = load_lists(&mut from)?;
    from.end()?;
    fill_books(&mut market);
    let proved = settle_orders(&mut market).and_then(|()| market.prove());
    proved.map_err(Malformed::new)?;
    Ok(market)
}

fn load_lists(from: &mut Reader<'_>) -> Read<Market> {
    let mut market = Market::new();
    from.fields(12)?;
    let version = from.uint()?;
    from.expect(version == VERSION, &"this version of the state is not known")?;
    let last_order = from.uint_to(ORDINAL_MAX)?;
    let last_deal = from.uint_to(ORDINAL_MAX)?;
    market.deals = Deals::new(last_deal);
    load_participants(from, &mut market)?;
    load_clients(from, &mut market)?;
    load_traders(from, &mut market)?;
    load_instruments(from, &mut market)?;
    load_sessions(from, &mut market)?;
    let count = from.array()?;
    from.expect(count as u64 == last_order, &"every order ever accepted is listed")?;
    market.orders.reserve(count);
    for _ in 0..count {
        load_order(from, &mut market)?;
    }
    load_deals(from, &mut market, last_deal)?;
    load_accounts(from, &mut market)?;
    load_totals(from, &mut market)?;
    Ok(market)
}

/// An error unless keys come ascending, each once.
fn ascending<K: PartialOrd>(from: &Reader<'_>, last: &mut Option<K>, key: K) -> Read<()> {
    let ascends = last.as_ref().is_none_or(|last| *last < key);
    from.expect(ascends, &"a list ascends by its key")?;
    *last = Some(key);
    Ok(())
}

/// What a name stands for, which must have been listed before.
fn known<T>(from: &Reader<'_>, found: Option<T>) -> Read<T> {
    match found {
        Some(found) => Ok(found),
        None => from.refuse(&"a name is listed before it is used"),
    }
}

/// Reads a name and gives what it stands for.
fn read_known<T>(from: &mut Reader<'_>, find: impl FnOnce(&str) -> Option<T>) -> Read<T> {
    let name = from.text()?;
    known(from, find(name))
}

fn load_participants(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(6)?;
        let participant = from.text()?;
        ascending(from, &mut last, participant)?;
        let standing = read_sorted_standing(from)?;
        let admitted = from.boolean()?;
        let permissions = from.list(read_permission)?;
        from.expect(permissions.windows(2).all(|pair| pair[0] < pair[1]), &"permissions ascend, each once")?;
        let open_orders = OpenOrders::Keep;
        market.registry.set_admission(&SetAdmission { participant, standing, admitted, permissions, open_orders });
    }
    Ok(())
}

fn read_sorted_standing<'a>(from: &mut Reader<'a>) -> Read<Standing<'a>> {
    let standing = read_standing(from)?;
    from.expect(standing.kinds.windows(2).all(|pair| pair[0] < pair[1]), &"kinds ascend, each once")?;
    Ok(standing)
}

fn load_clients(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(4)?;
        let client = from.text()?;
        ascending(from, &mut last, client)?;
        let participant = from.text()?;
        let resident = from.boolean()?;
        let group = from.option(Reader::text)?;
        market.registry.set_client(&SetClient { client, participant, resident, group });
    }
    Ok(())
}

fn load_traders(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(3)?;
        let trader = from.text()?;
        ascending(from, &mut last, trader)?;
        let participant = from.text()?;
        let active = from.boolean()?;
        let handle = known(from, market.registry.participant_names.find(participant))?;
        from.expect(market.registry.participant(handle).is_known, &"a trader's participant is known")?;
        let standing = Standing { resident: false, kinds: Vec::new(), group: None };
        let open_orders = OpenOrders::Keep;
        market.registry.set_authority(&SetAuthority { trader, participant, active, open_orders, standing });
    }
    Ok(())
}

fn load_instruments(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(10)?;
        let instrument = from.text()?;
        ascending(from, &mut last, instrument)?;
        market.registry.add_instrument(&crate::command::AddInstrument {
            instrument,
            section: from.text()?,
            purpose: from.text()?,
            currency: from.text()?,
            terms: read_terms(from)?,
        });
    }
    Ok(())
}

fn load_sessions(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(14)?;
        let name = from.text()?;
        ascending(from, &mut last, name)?;
        let handle = market.session_names.enter(name);
        let mut session = load_session_terms(from, market)?;
        load_books(from, market, (handle, name), &mut session)?;
        load_entries(from, market, &mut session)?;
        session.channel = from.uint_to(ORDINAL_MAX)?;
        market.sessions.push(session);
    }
    Ok(())
}

fn load_session_terms(from: &mut Reader<'_>, market: &mut Market) -> Read<Session> {
    let section = market.registry.words.enter(from.text()?);
    let purpose = market.registry.words.enter(from.text()?);
    let mechanism = from.member(Mechanism::of)?;
    let self_trade = from.member(SelfTrade::of)?;
    let late_entry = from.boolean()?;
    let names_at = from.member(NamesAt::of)?;
    let phase = from.member(Phase::of)?;
    let halt = from.option(|from| {
        from.fields(3)?;
        Ok(Halt { left: from.member(Phase::of)?, since: from.time()?, resume_at: from.option(Reader::time)? })
    })?;
    let plan = from.list(read_planned_phase)?;
    from.expect(phases::is_plan(mechanism, &plan), &"a legal phase plan is expected")?;
    let present = halt.map_or(phase, |halt| halt.left);
    let is_planned = plan.iter().any(|planned| planned.0 == present);
    from.expect(is_planned || present == Phase::Cancelled, &"a session is in a phase of its plan")?;
    from.expect(halt.is_none_or(|halt| phases::may_halt(halt.left)), &"a halt leaves a phase that can be halted")?;
    from.expect(halt.is_some() == (phase == Phase::Halted), &"a halted session knows the phase that it left")?;
    let deposit = from.list(|from| {
        from.fields(5)?;
        Ok(DepositRow {
            side: from.member(Side::of)?,
            resident: from.boolean()?,
            currency: market.registry.words.enter(from.text()?),
            rate_ppm: from.small(PPM)?,
            floor: from.uint()?,
        })
    })?;
    let rights = phases::rights(mechanism, phase, halt.map(|halt| halt.left), late_entry);
    Ok(Session {
        section,
        purpose,
        mechanism,
        self_trade,
        late_entry,
        names_at,
        phase,
        halt,
        plan,
        deposit,
        books: Vec::new(),
        entries: BTreeMap::new(),
        channel: 0,
        rights,
    })
}

fn load_books(
    from: &mut Reader<'_>,
    market: &mut Market,
    (handle, name): (Handle, &str),
    session: &mut Session,
) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(8)?;
        let listed = from.text()?;
        ascending(from, &mut last, listed)?;
        let instrument = known(from, market.registry.instrument_names.find(listed))?;
        let bound = |from: &mut Reader<'_>| from.option(|from| from.uint_to(BOUND_TICKS_CAP));
        let reference = bound(from)?;
        let bounds = Bounds {
            lower: bound(from)?,
            upper: bound(from)?,
            down_ppm: from.option(|from| from.small(PPM))?,
            up_ppm: from.option(|from| from.small(PPM))?,
        };
        let mut book = Book::new(NewBook {
            session: handle,
            instrument,
            tick_lot_value: market.registry.instrument(instrument).tick_lot_value,
            reference,
            bounds,
            keeps_own_prices: session.keeps_own_prices(),
            names: encoded_names(name, listed),
        });
        book.last_price = from.option(|from| read_u32(from, PRICE_TICKS_MAX))?;
        book.channel = from.uint_to(ORDINAL_MAX)?;
        book.renew_band();
        session.books.push(market.add_book(book));
    }
    Ok(())
}

fn load_entries(from: &mut Reader<'_>, market: &mut Market, session: &mut Session) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(4)?;
        let (participant, instrument) = (from.text()?, from.text()?);
        let phase = from.member(Phase::of)?;
        ascending(from, &mut last, (participant, instrument, phase))?;
        let participant = known(from, market.registry.participant_names.find(participant))?;
        let instrument = known(from, market.registry.instrument_names.find(instrument))?;
        session.entries.insert((participant, instrument, phase), from.uint_to(ORDINAL_MAX)?);
    }
    Ok(())
}

fn read_u32(from: &mut Reader<'_>, most: u64) -> Read<u32> {
    let number = from.uint_to(most)?;
    u32::try_from(number).or_else(|_| from.refuse(&"an integer is above its limit"))
}

/// Where an order stands and whose it is.
struct Origin {
    book: Handle,
    side: Side,
    participant: Handle,
    client: Handle,
    trader: Handle,
    group: Group,
    account: Handle,
    seat: Handle,
}

/// From the session to the group of an order.
fn load_origin(from: &mut Reader<'_>, market: &mut Market) -> Read<Origin> {
    let session = read_known(from, |name| market.session_names.find(name))?;
    let instrument = read_known(from, |name| market.registry.instrument_names.find(name))?;
    let book = known(from, market.book_of(session, instrument))?;
    let side = from.member(Side::of)?;
    let participant = read_known(from, |name| market.registry.participant_names.find(name))?;
    let client = match from.option(Reader::text)? {
        Some(client) => known(from, market.registry.find_client(client.as_bytes()))?,
        None => NONE,
    };
    let trader = read_known(from, |name| market.registry.trader_names.find(name))?;
    let group = load_group(from, market)?;
    let account = market.enter_account(participant, client, market.registry.instrument(instrument).currency);
    let seat = market.enter_seat(session, account);
    Ok(Origin { book, side, participant, client, trader, group, account, seat })
}

fn load_order(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    from.fields(ORDER_FIELDS)?;
    let found = from.uint()?;
    from.expect(found == market.orders.len() as u64 + 1, &"orders are listed without a gap")?;
    let origin = load_origin(from, market)?;
    let price = read_u32(from, PRICE_TICKS_MAX)?;
    let total = read_u32(from, QUANTITY_LOTS_MAX)?;
    let filled = read_u32(from, u64::from(total))?;
    let minimum = from.option(|from| read_u32(from, u64::from(total)))?;
    from.expect(minimum != Some(0), &"a minimum is at least a lot")?;
    let indivisible = from.boolean()?;
    let time_in_force = from.member(TimeInForce::of)?;
    let until = from.option(Reader::time)?;
    from.expect(until.is_some() == (time_in_force == TimeInForce::Until), &"until goes with its time in force")?;
    let priority = from.uint_to(ORDINAL_MAX)?;
    let state = from.member(OrderState::of)?;
    let rate_ppm = from.small(PPM)?;
    let floor = from.uint()?;
    let deal_value = from.uint_to(DEAL_VALUE_MAX)?;
    market.orders.push(Order {
        price,
        total,
        filled,
        minimum: minimum.unwrap_or(0),
        before: NONE,
        after: NONE,
        book: origin.book,
        seat: origin.seat,
        account: origin.account,
        participant: origin.participant,
        client: origin.client,
        trader: origin.trader,
        group: origin.group,
        rate_ppm,
        side: origin.side,
        state,
        time_in_force,
        indivisible,
        priority,
        deal_value,
        floor,
        reserved: 0,
        blocked: 0,
        until,
    });
    Ok(())
}

fn load_group(from: &mut Reader<'_>, market: &mut Market) -> Read<Group> {
    let number = from.uint()?;
    let name = from.text()?;
    Ok(match number {
        1 => Group::new(GroupKind::Affiliation, market.registry.groups.enter(name)),
        2 => Group::new(GroupKind::Client, known(from, market.registry.client_names.find(name))?),
        3 => Group::new(GroupKind::Participant, known(from, market.registry.participant_names.find(name))?),
        _ => return from.refuse(&"no kind of group has this number"),
    })
}

fn load_deals(from: &mut Reader<'_>, market: &mut Market, last_deal: u64) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(5)?;
        let deal = from.uint()?;
        ascending(from, &mut last, deal)?;
        from.expect((1..=last_deal).contains(&deal), &"no deal is later than the last")?;
        let [buy, sell] = [from.uint()?, from.uint()?].map(|order| place_of(order, &market.orders));
        let (buy, sell) = (known(from, buy)?, known(from, sell)?);
        let sides = [buy, sell].map(|place| market.orders[place as usize].side);
        from.expect(sides == [Side::Buy, Side::Sell], &"a deal has a buyer and a seller")?;
        let values =
            Deal { buy, sell, buy_value: from.uint_to(DEAL_VALUE_MAX)?, sell_value: from.uint_to(DEAL_VALUE_MAX)? };
        market.deals.load(deal, values);
    }
    Ok(())
}

fn load_accounts(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(7)?;
        let holder = read_holder(from)?;
        ascending(from, &mut last, (holder.participant, holder.client, holder.currency))?;
        let participant = market.registry.enter_participant(holder.participant);
        let client = holder.client.map_or(NONE, |client| market.registry.enter_client(client));
        let currency = market.registry.words.enter(holder.currency);
        let handle = market.enter_account(participant, client, currency);
        let account = &mut market.ledger.accounts[handle as usize];
        account.exists = true;
        account.balances = Balances {
            free: from.uint_to(ACCOUNT_MAX)?,
            reserved: from.uint_to(ACCOUNT_MAX)?,
            blocked: from.uint_to(ACCOUNT_MAX)?,
            withdrawing: from.uint_to(ACCOUNT_MAX)?,
        };
    }
    Ok(())
}

fn load_totals(from: &mut Reader<'_>, market: &mut Market) -> Read<()> {
    let mut last = None;
    for _ in 0..from.array()? {
        from.fields(3)?;
        let currency = from.text()?;
        ascending(from, &mut last, currency)?;
        let currency = market.registry.words.enter(currency);
        market.ledger.totals.push((currency, Total { credits: from.uint()?, paid: from.uint()? }));
    }
    Ok(())
}

/// Live orders take their places by priority, as they came.
fn fill_books(market: &mut Market) {
    let count = Handle::try_from(market.orders.len()).expect("fewer than 2^32 orders");
    let mut live: Vec<Handle> = (0..count).filter(|place| market.orders[*place as usize].state.is_live()).collect();
    live.sort_by_key(|place| market.orders[*place as usize].priority);
    market.resume_after(market.orders.iter().map(|order| order.priority).max().unwrap_or(0));
    for place in live {
        let order = &market.orders[place as usize];
        let book = &mut market.books[order.book as usize];
        market.live += 1;
        market.seats[order.seat as usize].live += 1;
        if order.is_conditional() {
            book.conditional.insert(place);
        }
        if order.state == OrderState::Parked {
            book.parked.insert(place);
        } else {
            book.join(&mut market.orders, place);
        }
    }
}

/// Reserved and blocked of each order from its values. An order's own limits come first, because beyond them the
/// arithmetic need not fit.
fn settle_orders(market: &mut Market) -> Result<(), Broken> {
    for order in &mut market.orders {
        let k = market.books[order.book as usize].tick_lot_value;
        let value = u128::from(order.price) * u128::from(order.total) * u128::from(k);
        if value > u128::from(crate::limits::ORDER_VALUE_MAX) {
            return Err(&"an order's value is within its limit");
        }
        (order.reserved, order.blocked) = order.parts(k);
    }
    Ok(())
}
