//! The follow-ups of the office: who stands how with the exchange, what is listed, and money that comes and goes (PS-0,
//! PS-7). They come from reactors only; what they carry was decided by the office and is not judged again.

use crate::account::TooMuch;
use crate::command::{Command, Holder, SetAdmission, SetAuthority, Withdrawal};
use crate::deposit;
use crate::kinds::OpenOrders;
use crate::market::{By, Givers, Market};
use crate::reject::{Reason, Refused};
use crate::units::{Handle, Minor, NONE, Ordinal};

impl Market {
    pub(crate) fn follow_up(&mut self, by: By, command: &Command<'_>) -> Result<(), Refused> {
        self.test_actor(by, Givers::Reactors);
        self.refusals.stage()?;
        match command {
            Command::SetAdmission(command) => self.set_admission(command),
            Command::SetClient(command) => {
                self.registry.set_client(command);
                self.events.client_set(command.client);
            }
            Command::SetAuthority(command) => self.set_authority(command),
            Command::AddInstrument(command) => {
                self.registry.add_instrument(command);
                self.events.instrument_added(command.instrument);
            }
            Command::Credit { holder, amount } => return self.credit(holder, *amount),
            Command::HoldWithdrawal(command) => return self.hold_withdrawal(command),
            Command::PayWithdrawal(command) => {
                let account = self.find_account(&command.holder).expect("what is paid was held before");
                self.ledger.pay(account, command.amount);
                self.events.withdrawal_paid(command.withdrawal);
            }
            Command::ReleaseWithdrawal(command) => {
                let account = self.find_account(&command.holder).expect("what is released was held before");
                self.ledger.release(account, command.amount);
                self.events.withdrawal_released(command.withdrawal);
            }
            Command::ReleaseDeal { deal } => self.release_deal(*deal),
            _ => unreachable!("every other command is decided at the door"),
        }
        Ok(())
    }

    fn set_admission(&mut self, command: &SetAdmission<'_>) {
        let participant = self.registry.set_admission(command);
        self.events.admission_set(command.participant, command.admitted);
        if command.open_orders == OpenOrders::Cancel {
            self.withdraw_orders(|order| order.participant == participant);
        }
    }

    fn set_authority(&mut self, command: &SetAuthority<'_>) {
        let trader = self.registry.set_authority(command);
        self.events.authority_set(command.trader, command.active);
        if command.open_orders == OpenOrders::Cancel {
            self.withdraw_orders(|order| order.trader == trader);
        }
    }

    fn find_account(&self, holder: &Holder<'_>) -> Option<Handle> {
        let participant = self.registry.participant_names.find(holder.participant)?;
        let client = match holder.client {
            Some(client) => self.registry.client_names.find(client)?,
            None => NONE,
        };
        self.ledger.find(participant, client, self.registry.words.find(holder.currency)?)
    }

    /// Money into FREE, within the limits of PS-9.
    fn credit(&mut self, holder: &Holder<'_>, amount: Minor) -> Result<(), Refused> {
        let currency = self.registry.words.find(holder.currency);
        if let Err(TooMuch(most)) = self.ledger.credit_fits(self.find_account(holder), currency, amount) {
            self.refusals.limit(Reason::LimitExceeded, "amount", None, most);
        }
        self.refusals.stage()?;

        let participant = self.registry.enter_participant(holder.participant);
        let client = holder.client.map_or(NONE, |client| self.registry.enter_client(client));
        let currency = self.registry.words.enter(holder.currency);
        let account = self.enter_account(participant, client, currency);
        self.ledger.credit(account, amount);
        self.events.deposit_credited(&self.ledger.accounts[account as usize].holder, amount);
        Ok(())
    }

    /// FREE → WITHDRAWING, if FREE is enough.
    fn hold_withdrawal(&mut self, command: &Withdrawal<'_>) -> Result<(), Refused> {
        let account = self.find_account(&command.holder);
        let free = account.map_or(0, |account| self.ledger.free(account));
        let account = account.filter(|_| free >= command.amount);
        if account.is_none() {
            self.refusals.limit(Reason::DepositShort, None, free, command.amount);
        }
        self.refusals.stage()?;
        self.ledger.hold(account.ok_or(Refused)?, command.amount);
        self.events.withdrawal_held(command.withdrawal);
        Ok(())
    }

    /// A deal secures nothing more: its value leaves Vf of both orders (PS-5.6).
    fn release_deal(&mut self, ordinal: Ordinal) {
        let deal = self.deals.release(ordinal).expect("a deal is released once");
        for (place, value) in [(deal.buy, deal.buy_value), (deal.sell, deal.sell_value)] {
            let order = &mut self.orders[place as usize];
            order.deal_value -= value;
            let before = order.reserved + order.blocked;
            deposit::settle(order, self.books[order.book as usize].tick_lot_value, &mut self.ledger);
            assert!(order.reserved + order.blocked <= before, "a release never needs more deposit");
        }
        self.events.deal_released(ordinal);
    }
}
