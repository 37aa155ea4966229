//! What the market knows of participants, clients, traders and instruments: as much as it needs to admit an order, given
//! by the office's follow-ups. Names, contacts and everything else stay in the office.

use crate::command::{AddInstrument, SetAdmission, SetAuthority, SetClient, Standing, Terms};
use crate::kinds::{ParticipantKind, Side};
use crate::names::Names;
use crate::units::{Handle, NONE, Step};

#[derive(Clone, Default)]
pub(crate) struct Participant {
    /// A participant is known once its admission was set or a trader was appointed; before that only its name may stand
    /// in an account or at a client.
    pub(crate) is_known: bool,
    pub(crate) resident: bool,
    pub(crate) is_visitor: bool,
    pub(crate) is_broker: bool,
    /// Its affiliation group, or `NONE`.
    pub(crate) group: Handle,
    pub(crate) admitted: bool,
    pub(crate) permissions: Vec<(Handle, Side, Handle)>,
}

impl Participant {
    /// Admitted, and permitted for this section, side and purpose (PS-3.1).
    #[inline]
    pub(crate) fn may_trade(&self, section: Handle, side: Side, purpose: Handle) -> bool {
        self.admitted && self.permissions.contains(&(section, side, purpose))
    }

    fn set_standing(&mut self, standing: &Standing<'_>, groups: &mut Names) {
        self.is_known = true;
        self.resident = standing.resident;
        self.is_visitor = standing.kinds.contains(&ParticipantKind::Visitor);
        self.is_broker = standing.kinds.contains(&ParticipantKind::Broker);
        self.group = standing.group.map_or(NONE, |group| groups.enter(group));
    }
}

#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) is_known: bool,
    pub(crate) participant: Handle,
    pub(crate) resident: bool,
    pub(crate) group: Handle,
}

pub(crate) struct Trader {
    pub(crate) participant: Handle,
    pub(crate) active: bool,
}

pub(crate) struct Instrument {
    pub(crate) section: Handle,
    pub(crate) purpose: Handle,
    pub(crate) currency: Handle,
    pub(crate) tick: Step,
    pub(crate) lot: Step,
    pub(crate) tick_text: Box<str>,
    pub(crate) lot_text: Box<str>,
    pub(crate) tick_lot_value: u64,
    pub(crate) conditional_allowed: bool,
    pub(crate) order_lots_max: Option<u64>,
    pub(crate) entries_max: Option<u64>,
}

/// Tables by handle. `words` holds sections, purposes and currencies.
#[derive(Default)]
pub(crate) struct Registry {
    pub(crate) participant_names: Names,
    pub(crate) participants: Vec<Participant>,
    pub(crate) client_names: Names,
    pub(crate) clients: Vec<Client>,
    pub(crate) trader_names: Names,
    pub(crate) traders: Vec<Trader>,
    pub(crate) instrument_names: Names,
    pub(crate) instruments: Vec<Instrument>,
    pub(crate) groups: Names,
    pub(crate) words: Names,
}

impl Registry {
    pub(crate) fn participant(&self, handle: Handle) -> &Participant {
        &self.participants[handle as usize]
    }

    pub(crate) fn instrument(&self, handle: Handle) -> &Instrument {
        &self.instruments[handle as usize]
    }

    /// Whether a participant may act for this client, or for itself where none is named (PS-3.1).
    #[inline]
    pub(crate) fn may_act_for(&self, participant: Handle, client: Handle) -> bool {
        let kinds = self.participant(participant);
        if client == NONE {
            kinds.is_visitor
        } else {
            kinds.is_broker && self.clients[client as usize].participant == participant
        }
    }

    /// A client that set_client made known.
    #[inline]
    pub(crate) fn find_client(&self, client: &[u8]) -> Option<Handle> {
        self.client_names.find_bytes(client).filter(|handle| self.clients[*handle as usize].is_known)
    }

    /// The handle of a participant's name, known or not.
    pub(crate) fn enter_participant(&mut self, participant: &str) -> Handle {
        let handle = self.participant_names.enter(participant);
        if self.participants.len() < self.participant_names.len() {
            self.participants.push(Participant { group: NONE, ..Participant::default() });
        }
        handle
    }

    /// The handle of a client's name, known or not.
    pub(crate) fn enter_client(&mut self, client: &str) -> Handle {
        let handle = self.client_names.enter(client);
        if self.clients.len() < self.client_names.len() {
            self.clients.push(Client { is_known: false, participant: NONE, resident: false, group: NONE });
        }
        handle
    }

    pub(crate) fn set_admission(&mut self, command: &SetAdmission<'_>) -> Handle {
        let handle = self.enter_participant(command.participant);
        let mut texts = command.permissions.clone();
        texts.sort_unstable();
        texts.dedup();
        let words = &mut self.words;
        let permissions =
            texts.iter().map(|(section, side, purpose)| (words.enter(section), *side, words.enter(purpose))).collect();
        let participant = &mut self.participants[handle as usize];
        participant.set_standing(&command.standing, &mut self.groups);
        participant.admitted = command.admitted;
        participant.permissions = permissions;
        handle
    }

    pub(crate) fn set_client(&mut self, command: &SetClient<'_>) {
        let participant = self.enter_participant(command.participant);
        let group = command.group.map_or(NONE, |group| self.groups.enter(group));
        let handle = self.enter_client(command.client);
        self.clients[handle as usize] = Client { is_known: true, participant, resident: command.resident, group };
    }

    /// Makes the participant too where it is unknown: not admitted, without permissions (EN-4).
    pub(crate) fn set_authority(&mut self, command: &SetAuthority<'_>) -> Handle {
        let participant = self.enter_participant(command.participant);
        if !self.participant(participant).is_known {
            self.participants[participant as usize].set_standing(&command.standing, &mut self.groups);
        }
        let handle = self.trader_names.enter(command.trader);
        let trader = Trader { participant, active: command.active };
        if self.traders.len() < self.trader_names.len() {
            self.traders.push(trader);
        } else {
            self.traders[handle as usize] = trader;
        }
        handle
    }

    /// An instrument never changes: another one under its id is a fault of the office.
    pub(crate) fn add_instrument(&mut self, command: &AddInstrument<'_>) {
        assert!(self.instrument_names.find(command.instrument).is_none(), "an instrument is added once");
        self.instrument_names.enter(command.instrument);
        let Terms { tick, lot, tick_step, lot_step, tick_lot_value, .. } = command.terms;
        self.instruments.push(Instrument {
            section: self.words.enter(command.section),
            purpose: self.words.enter(command.purpose),
            currency: self.words.enter(command.currency),
            tick: tick_step,
            lot: lot_step,
            tick_text: tick.into(),
            lot_text: lot.into(),
            tick_lot_value,
            conditional_allowed: command.terms.conditional_allowed,
            order_lots_max: command.terms.order_lots_max,
            entries_max: command.terms.entries_max,
        });
    }
}
