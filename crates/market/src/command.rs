//! What the market may be told: frames and commands read from their bytes (EN-1, EN-2), one struct a command, fields in
//! the order of `src/kirmash/messages/commands.py`. Values outside the grammar of PS-0.2 and PS-0.6 are malformed, since
//! no door lets them through; whether a well-formed command is allowed is not decided here.

use crate::codec::{Read, Reader};
use crate::kinds::{ActorKind, Mechanism, NamesAt, OpenOrders, ParticipantKind, Phase, SelfTrade, Side, TimeInForce};
use crate::limits::{ORDINAL_MAX, PPM, TICK_LOT_VALUE_MAX};
use crate::names::Names;
use crate::registry::Registry;
use crate::units::{Decimal, Handle, Minor, NONE, Ordinal, Step, Time};

/// What stands before the command: number, time, who gives it.
pub(crate) struct Head {
    pub(crate) number: Ordinal,
    pub(crate) time: Time,
    pub(crate) kind: ActorKind,
    /// The trader's handle, where the actor is one that is known.
    pub(crate) trader: Option<Handle>,
}

/// What names of a frame are looked up in while it is read: commands about orders carry handles.
pub(crate) struct Known<'a> {
    pub(crate) sessions: &'a Names,
    pub(crate) registry: &'a Registry,
}

/// Every command but the three about one order, which are read and decided without a detour.
pub(crate) enum Command<'a> {
    CreateSession(Box<CreateSession<'a>>),
    ChangePhase { session: &'a str, from: Phase, to: Phase },
    HaltSession { session: &'a str, reason: &'a str },
    CancelSession { session: &'a str, reason: &'a str },
    ResumeSession { session: &'a str, resume_at: Time },
    SetBand(SetBand<'a>),
    MassCancel(MassCancel<'a>),
    ExpireOrders { session: &'a str, until: Time },
    SetAdmission(SetAdmission<'a>),
    SetClient(SetClient<'a>),
    SetAuthority(SetAuthority<'a>),
    AddInstrument(AddInstrument<'a>),
    Credit { holder: Holder<'a>, amount: Minor },
    HoldWithdrawal(Withdrawal<'a>),
    PayWithdrawal(Withdrawal<'a>),
    ReleaseWithdrawal(Withdrawal<'a>),
    ReleaseDeal { deal: Ordinal },
}

pub(crate) struct CreateSession<'a> {
    pub(crate) session: &'a str,
    pub(crate) section: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) mechanism: Mechanism,
    pub(crate) instruments: Vec<SessionInstrument<'a>>,
    pub(crate) phases: Vec<(Phase, Time)>,
    pub(crate) self_trade: SelfTrade,
    pub(crate) late_entry: bool,
    pub(crate) names_at: NamesAt,
    pub(crate) deposit: Vec<DepositRate<'a>>,
}

pub(crate) struct SessionInstrument<'a> {
    pub(crate) instrument: &'a str,
    pub(crate) reference: Option<Decimal>,
    pub(crate) bounds: Bounds,
}

/// The four bounds of a band as they are given (PS-10).
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) lower: Option<Decimal>,
    pub(crate) upper: Option<Decimal>,
    pub(crate) down_ppm: Option<u32>,
    pub(crate) up_ppm: Option<u32>,
}

pub(crate) struct DepositRate<'a> {
    pub(crate) side: Side,
    pub(crate) resident: bool,
    pub(crate) currency: &'a str,
    pub(crate) rate_ppm: u32,
    pub(crate) floor: Decimal,
}

pub(crate) struct SetBand<'a> {
    pub(crate) session: &'a str,
    pub(crate) instrument: &'a str,
    pub(crate) bounds: Bounds,
}

/// Names stand as handles; `None` is an unknown one.
pub(crate) struct PlaceOrder {
    pub(crate) session: Option<Handle>,
    pub(crate) instrument: Option<Handle>,
    pub(crate) side: Side,
    pub(crate) price: Decimal,
    pub(crate) quantity: Decimal,
    /// `NONE` where none is named.
    pub(crate) client: Option<Handle>,
    pub(crate) minimum: Option<Decimal>,
    pub(crate) indivisible: bool,
    pub(crate) time_in_force: TimeInForce,
    pub(crate) until: Option<Time>,
}

pub(crate) struct AmendOrder {
    pub(crate) order: Ordinal,
    pub(crate) price: Option<Decimal>,
    pub(crate) quantity: Option<Decimal>,
    pub(crate) minimum: Option<Decimal>,
    pub(crate) until: Option<Time>,
}

pub(crate) struct MassCancel<'a> {
    pub(crate) session: &'a str,
    pub(crate) instrument: Option<&'a str>,
    pub(crate) side: Option<Side>,
    pub(crate) trader: Option<&'a str>,
    pub(crate) client: Option<&'a str>,
}

pub(crate) struct SetAdmission<'a> {
    pub(crate) participant: &'a str,
    pub(crate) standing: Standing<'a>,
    pub(crate) admitted: bool,
    pub(crate) permissions: Vec<(&'a str, Side, &'a str)>,
    pub(crate) open_orders: OpenOrders,
}

/// What is fixed about a participant: residency, kinds, affiliation group.
pub(crate) struct Standing<'a> {
    pub(crate) resident: bool,
    pub(crate) kinds: Vec<ParticipantKind>,
    pub(crate) group: Option<&'a str>,
}

pub(crate) struct SetClient<'a> {
    pub(crate) client: &'a str,
    pub(crate) participant: &'a str,
    pub(crate) resident: bool,
    pub(crate) group: Option<&'a str>,
}

pub(crate) struct SetAuthority<'a> {
    pub(crate) trader: &'a str,
    pub(crate) participant: &'a str,
    pub(crate) active: bool,
    pub(crate) open_orders: OpenOrders,
    pub(crate) standing: Standing<'a>,
}

pub(crate) struct AddInstrument<'a> {
    pub(crate) instrument: &'a str,
    pub(crate) section: &'a str,
    pub(crate) purpose: &'a str,
    pub(crate) currency: &'a str,
    pub(crate) terms: Terms<'a>,
}

/// How an instrument is counted and what limits its orders.
pub(crate) struct Terms<'a> {
    pub(crate) tick: &'a str,
    pub(crate) lot: &'a str,
    pub(crate) tick_step: Step,
    pub(crate) lot_step: Step,
    pub(crate) tick_lot_value: u64,
    pub(crate) conditional_allowed: bool,
    pub(crate) order_lots_max: Option<u64>,
    pub(crate) entries_max: Option<u64>,
}

/// Whose account, in which currency (PS-5.1).
#[derive(Clone, Copy)]
pub(crate) struct Holder<'a> {
    pub(crate) participant: &'a str,
    pub(crate) client: Option<&'a str>,
    pub(crate) currency: &'a str,
}

pub(crate) struct Withdrawal<'a> {
    pub(crate) withdrawal: &'a str,
    pub(crate) holder: Holder<'a>,
    pub(crate) amount: Minor,
}

/// The beginning of a frame `[number, [seconds, nanoseconds], actor kind, actor id, command]`, up to the command.
#[inline(always)]
pub(crate) fn read_head(from: &mut Reader<'_>, traders: &Names) -> Read<Head> {
    from.fields(5)?;
    let number = from.uint_to(ORDINAL_MAX)?;
    let time = from.time()?;
    let kind = from.member(ActorKind::of)?;
    let trader = from.name(|actor| if kind == ActorKind::Trader { traders.find_bytes(actor) } else { None })?;
    Ok(Head { number, time, kind, trader })
}

pub(crate) const PLACE_ORDER: u64 = 46;
pub(crate) const AMEND_ORDER: u64 = 47;
pub(crate) const CANCEL_ORDER: u64 = 48;

/// The tag of a command, after which its fields follow.
#[inline(always)]
pub(crate) fn read_tag(from: &mut Reader<'_>) -> Read<u64> {
    let length = from.array()?;
    from.expect(length > 0, &"a command has a tag")?;
    let tag = from.uint()?;
    let fields = match tag {
        40 | PLACE_ORDER | 63 => 10,
        41 => 3,
        42..=44 | 50 => 2,
        45 => 6,
        AMEND_ORDER | 49 => 5,
        CANCEL_ORDER | 68 => 1,
        60 | 62 => 7,
        61 | 64 => 4,
        65..=67 => 5,
        _ => return from.refuse(&"no command of the market has this tag"),
    };
    from.expect(length == fields + 1, &"a command has another number of fields")?;
    Ok(tag)
}

#[inline(always)]
pub(crate) fn read_place_order(from: &mut Reader<'_>, known: &Known<'_>) -> Read<PlaceOrder> {
    let registry = known.registry;
    let command = PlaceOrder {
        session: from.name(|name| known.sessions.find_bytes(name))?,
        instrument: from.name(|name| registry.instrument_names.find_bytes(name))?,
        side: from.member(Side::of)?,
        price: from.decimal()?,
        quantity: from.decimal()?,
        client: match from.option(|from| from.name(|name| registry.find_client(name)))? {
            Some(client) => client,
            None => Some(NONE),
        },
        minimum: from.option(Reader::decimal)?,
        indivisible: from.boolean()?,
        time_in_force: from.member(TimeInForce::of)?,
        until: from.option(Reader::time)?,
    };
    let until_fits = command.until.is_some() == (command.time_in_force == TimeInForce::Until);
    from.expect(until_fits, &"until goes with time in force until, and only with it")?;
    Ok(command)
}

#[inline(always)]
pub(crate) fn read_amend_order(from: &mut Reader<'_>) -> Read<AmendOrder> {
    Ok(AmendOrder {
        order: from.uint_to(ORDINAL_MAX)?,
        price: from.option(Reader::decimal)?,
        quantity: from.option(Reader::decimal)?,
        minimum: from.option(Reader::decimal)?,
        until: from.option(Reader::time)?,
    })
}

/// Any other command, by its tag.
pub(crate) fn read_command<'a>(tag: u64, from: &mut Reader<'a>) -> Read<Command<'a>> {
    match tag {
        40..=45 | 49 | 50 => read_session_command(tag, from),
        _ => read_follow_up(tag, from),
    }
}

fn read_session_command<'a>(tag: u64, from: &mut Reader<'a>) -> Read<Command<'a>> {
    let session = from.text()?;
    Ok(match tag {
        40 => read_create_session(session, from)?,
        41 => Command::ChangePhase { session, from: from.member(Phase::of)?, to: from.member(Phase::of)? },
        42 => Command::HaltSession { session, reason: from.text()? },
        43 => Command::CancelSession { session, reason: from.text()? },
        44 => Command::ResumeSession { session, resume_at: from.time()? },
        45 => Command::SetBand(SetBand { session, instrument: from.text()?, bounds: read_bounds(from)? }),
        49 => Command::MassCancel(MassCancel {
            session,
            instrument: from.option(Reader::text)?,
            side: from.option(|from| from.member(Side::of))?,
            trader: from.option(Reader::text)?,
            client: from.option(Reader::text)?,
        }),
        _ => Command::ExpireOrders { session, until: from.time()? },
    })
}

fn read_bounds(from: &mut Reader<'_>) -> Read<Bounds> {
    Ok(Bounds {
        lower: from.option(Reader::decimal)?,
        upper: from.option(Reader::decimal)?,
        down_ppm: from.option(|from| from.small(PPM))?,
        up_ppm: from.option(|from| from.small(PPM))?,
    })
}

fn read_create_session<'a>(session: &'a str, from: &mut Reader<'a>) -> Read<Command<'a>> {
    let command = CreateSession {
        session,
        section: from.text()?,
        purpose: from.text()?,
        mechanism: from.member(Mechanism::of)?,
        instruments: from.list(|from| {
            from.fields(6)?;
            Ok(SessionInstrument {
                instrument: from.text()?,
                reference: from.option(Reader::decimal)?,
                bounds: read_bounds(from)?,
            })
        })?,
        phases: from.list(read_planned_phase)?,
        self_trade: from.member(SelfTrade::of)?,
        late_entry: from.boolean()?,
        names_at: from.member(NamesAt::of)?,
        deposit: from.list(|from| {
            from.fields(5)?;
            Ok(DepositRate {
                side: from.member(Side::of)?,
                resident: from.boolean()?,
                currency: from.text()?,
                rate_ppm: from.small(PPM)?,
                floor: from.decimal()?,
            })
        })?,
    };
    from.expect(crate::phases::is_plan(command.mechanism, &command.phases), &"a legal phase plan is expected")?;
    Ok(Command::CreateSession(Box::new(command)))
}

/// `[phase, planned time]`, in commands and in state.
pub(crate) fn read_planned_phase(from: &mut Reader<'_>) -> Read<(Phase, Time)> {
    from.fields(2)?;
    Ok((from.member(Phase::of)?, from.time()?))
}

fn read_follow_up<'a>(tag: u64, from: &mut Reader<'a>) -> Read<Command<'a>> {
    Ok(match tag {
        60 => read_set_admission(from)?,
        61 => Command::SetClient(SetClient {
            client: from.text()?,
            participant: from.text()?,
            resident: from.boolean()?,
            group: from.option(Reader::text)?,
        }),
        62 => Command::SetAuthority(SetAuthority {
            trader: from.text()?,
            participant: from.text()?,
            active: from.boolean()?,
            open_orders: from.member(OpenOrders::of)?,
            standing: read_standing(from)?,
        }),
        63 => Command::AddInstrument(AddInstrument {
            instrument: from.text()?,
            section: from.text()?,
            purpose: from.text()?,
            currency: from.text()?,
            terms: read_terms(from)?,
        }),
        64 => Command::Credit { holder: read_holder(from)?, amount: from.uint()? },
        65 => Command::HoldWithdrawal(read_withdrawal(from)?),
        66 => Command::PayWithdrawal(read_withdrawal(from)?),
        67 => Command::ReleaseWithdrawal(read_withdrawal(from)?),
        _ => Command::ReleaseDeal { deal: from.uint_to(ORDINAL_MAX)? },
    })
}

fn read_set_admission<'a>(from: &mut Reader<'a>) -> Read<Command<'a>> {
    Ok(Command::SetAdmission(SetAdmission {
        participant: from.text()?,
        standing: read_standing(from)?,
        admitted: from.boolean()?,
        permissions: from.list(read_permission)?,
        open_orders: from.member(OpenOrders::of)?,
    }))
}

/// `[section, side, purpose]`, in commands and in state.
pub(crate) fn read_permission<'a>(from: &mut Reader<'a>) -> Read<(&'a str, Side, &'a str)> {
    from.fields(3)?;
    Ok((from.text()?, from.member(Side::of)?, from.text()?))
}

/// Residency, kinds and group, in commands and in state.
pub(crate) fn read_standing<'a>(from: &mut Reader<'a>) -> Read<Standing<'a>> {
    Ok(Standing {
        resident: from.boolean()?,
        kinds: from.list(|from| from.member(ParticipantKind::of))?,
        group: from.option(Reader::text)?,
    })
}

/// Tick to entries_max, in commands and in state.
pub(crate) fn read_terms<'a>(from: &mut Reader<'a>) -> Read<Terms<'a>> {
    let (tick, tick_step) = read_step(from)?;
    let (lot, lot_step) = read_step(from)?;
    let tick_lot_value = from.uint_to(TICK_LOT_VALUE_MAX)?;
    from.expect(tick_lot_value > 0, &"a tick for a lot has a value")?;
    Ok(Terms {
        tick,
        lot,
        tick_step,
        lot_step,
        tick_lot_value,
        conditional_allowed: from.boolean()?,
        order_lots_max: from.option(|from| from.uint_to(ORDINAL_MAX))?,
        entries_max: from.option(|from| from.uint_to(ORDINAL_MAX))?,
    })
}

fn read_step<'a>(from: &mut Reader<'a>) -> Read<(&'a str, Step)> {
    let text = from.text()?;
    match Decimal::parse(text.as_bytes()).and_then(Step::of) {
        Some(step) => Ok((text, step)),
        None => from.refuse(&"a tick or lot above zero is expected"),
    }
}

/// Participant, client and currency, in commands and in state.
pub(crate) fn read_holder<'a>(from: &mut Reader<'a>) -> Read<Holder<'a>> {
    Ok(Holder { participant: from.text()?, client: from.option(Reader::text)?, currency: from.text()? })
}

fn read_withdrawal<'a>(from: &mut Reader<'a>) -> Read<Withdrawal<'a>> {
    Ok(Withdrawal { withdrawal: from.text()?, holder: read_holder(from)?, amount: from.uint()? })
}
