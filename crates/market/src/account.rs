//! Deposit accounts: whose money, in which place, and the sums per currency (PS-5.1, PS-9). What an order has to secure
//! is computed in `deposit.rs`; here balances only move, and never below zero.

use crate::codec::Fragment;
use crate::event::Events;
use crate::limits::{ACCOUNT_MAX, CURRENCY_SUM_MAX};
use crate::names::Table;
use crate::registry::Registry;
use crate::units::{Handle, Minor};
use std::cmp::Ordering;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Balances {
    pub(crate) free: Minor,
    pub(crate) reserved: Minor,
    pub(crate) blocked: Minor,
    pub(crate) withdrawing: Minor,
}

impl Balances {
    /// The whole account (PS-13.15).
    #[inline]
    pub(crate) fn sum(&self) -> Minor {
        self.free + self.reserved + self.blocked + self.withdrawing
    }

    pub(crate) fn list(&self) -> [Minor; 4] {
        [self.free, self.reserved, self.blocked, self.withdrawing]
    }
}

pub(crate) struct Account {
    pub(crate) participant: Handle,
    pub(crate) client: Handle,
    pub(crate) currency: Handle,
    /// Made by a credit. Before it only the holder is noted, because his orders are counted.
    pub(crate) exists: bool,
    pub(crate) balances: Balances,
    /// Participant and client, and these with the currency, encoded.
    pub(crate) party: Fragment,
    pub(crate) holder: Fragment,
    /// The command that touched it last, in the ledger's own count.
    touched_at: u64,
}

/// Σ credits and Σ paid out of one currency.
#[derive(Clone, Copy, Default)]
pub(crate) struct Total {
    pub(crate) credits: Minor,
    pub(crate) paid: Minor,
}

/// An account as it was before the command, and by how much money came in or left since.
struct Touched {
    account: Handle,
    before: Balances,
    sum_after: Minor,
}

#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) accounts: Vec<Account>,
    index: Table<(Handle, Handle, Handle)>,
    /// By currency, in the order of first credit.
    pub(crate) totals: Vec<(Handle, Total)>,
    touched: Vec<Touched>,
    commands: u64,
}

/// Why a credit is too large (EN-3, 318).
pub(crate) struct TooMuch(pub(crate) Minor);

impl Ledger {
    pub(crate) fn find(&self, participant: Handle, client: Handle, currency: Handle) -> Option<Handle> {
        self.index.get(&(participant, client, currency)).copied()
    }

    /// The account's place, made where there is none; `exists` stays false until a credit.
    pub(crate) fn enter(&mut self, holder: (Handle, Handle, Handle), texts: (&str, Option<&str>, &str)) -> Handle {
        if let Some(found) = self.index.get(&holder) {
            return *found;
        }
        let party = Fragment::new(|writer| {
            writer.text(texts.0);
            writer.optional_text(texts.1);
        });
        let whole = Fragment::new(|writer| {
            writer.fragment(&party);
            writer.text(texts.2);
        });
        let handle = Handle::try_from(self.accounts.len()).expect("fewer than 2^32 accounts");
        self.accounts.push(Account {
            participant: holder.0,
            client: holder.1,
            currency: holder.2,
            exists: false,
            balances: Balances::default(),
            party,
            holder: whole,
            touched_at: 0,
        });
        self.index.insert(holder, handle);
        handle
    }

    pub(crate) fn free(&self, account: Handle) -> Minor {
        self.accounts[account as usize].balances.free
    }

    /// A new command begins: nothing is touched yet.
    #[inline]
    pub(crate) fn begin(&mut self) {
        self.commands += 1;
        assert!(self.touched.is_empty(), "the command before was finished");
    }

    /// An account that is about to change; its balances before the command are kept.
    #[inline]
    fn touch(&mut self, handle: Handle) -> &mut Account {
        let account = &mut self.accounts[handle as usize];
        if account.touched_at != self.commands {
            account.touched_at = self.commands;
            let sum_after = account.balances.sum();
            self.touched.push(Touched { account: handle, before: account.balances, sum_after });
        }
        account
    }

    /// An order's reserved and blocked deposit go from old to new; FREE takes the difference (PS-5.4).
    #[inline]
    pub(crate) fn shift(&mut self, handle: Handle, old: (Minor, Minor), new: (Minor, Minor)) {
        let account = self.touch(handle);
        assert!(account.exists, "only an account holds money");
        let balances = &mut account.balances;
        balances.reserved = balances.reserved - old.0 + new.0;
        balances.blocked = balances.blocked - old.1 + new.1;
        balances.free = balances.free + old.0 + old.1 - new.0 - new.1;
    }

    /// Whether a credit keeps within the limits of account and currency (PS-9).
    pub(crate) fn credit_fits(
        &self,
        account: Option<Handle>,
        currency: Option<Handle>,
        amount: Minor,
    ) -> Result<(), TooMuch> {
        let held = account.map_or(0, |account| self.accounts[account as usize].balances.sum());
        if u128::from(held) + u128::from(amount) > u128::from(ACCOUNT_MAX) {
            return Err(TooMuch(ACCOUNT_MAX));
        }
        let total = currency.map_or(Total::default(), |currency| self.total(currency));
        if u128::from(total.credits - total.paid) + u128::from(amount) > u128::from(CURRENCY_SUM_MAX) {
            return Err(TooMuch(CURRENCY_SUM_MAX));
        }
        Ok(())
    }

    pub(crate) fn total(&self, currency: Handle) -> Total {
        self.totals.iter().find(|total| total.0 == currency).map_or(Total::default(), |total| total.1)
    }

    fn total_mut(&mut self, currency: Handle) -> &mut Total {
        let place = self.totals.iter().position(|total| total.0 == currency).unwrap_or_else(|| {
            self.totals.push((currency, Total::default()));
            self.totals.len() - 1
        });
        &mut self.totals[place].1
    }

    /// Money comes in: into FREE.
    pub(crate) fn credit(&mut self, handle: Handle, amount: Minor) {
        let account = self.touch(handle);
        account.exists = true;
        account.balances.free += amount;
        let currency = account.currency;
        self.last_touched(handle).sum_after += amount;
        self.total_mut(currency).credits += amount;
    }

    /// FREE → WITHDRAWING.
    pub(crate) fn hold(&mut self, handle: Handle, amount: Minor) {
        let balances = &mut self.touch(handle).balances;
        balances.free -= amount;
        balances.withdrawing += amount;
    }

    /// WITHDRAWING → FREE.
    pub(crate) fn release(&mut self, handle: Handle, amount: Minor) {
        let balances = &mut self.touch(handle).balances;
        balances.withdrawing -= amount;
        balances.free += amount;
    }

    /// WITHDRAWING → out of the exchange.
    pub(crate) fn pay(&mut self, handle: Handle, amount: Minor) {
        let account = self.touch(handle);
        account.balances.withdrawing -= amount;
        let currency = account.currency;
        self.last_touched(handle).sum_after -= amount;
        self.total_mut(currency).paid += amount;
    }

    fn last_touched(&mut self, handle: Handle) -> &mut Touched {
        let last = self.touched.last_mut().expect("the account was touched just now");
        assert!(last.account == handle, "credits and payments concern one account a command");
        last
    }

    /// The order of accounts: participant, client (none first), currency, by their bytes (PS-0.6).
    pub(crate) fn compare(&self, a: Handle, b: Handle, registry: &Registry) -> Ordering {
        let [a, b] = [a, b].map(|handle| &self.accounts[handle as usize]);
        let participant = |account: &Account| registry.participant_names.text(account.participant);
        let client = |account: &Account| registry.client_names.optional(account.client);
        let currency = |account: &Account| registry.words.text(account.currency);
        participant(a)
            .cmp(participant(b))
            .then_with(|| client(a).cmp(&client(b)))
            .then_with(|| currency(a).cmp(currency(b)))
    }

    /// The end of a command: proves for each touched account that only credits and payments changed its sum, and reports
    /// those whose balances differ from before, ascending.
    #[inline(always)]
    pub(crate) fn finish(&mut self, registry: &Registry, events: &mut Events) {
        if self.touched.len() > 1 {
            self.sort_touched(registry);
        }
        for entry in self.touched.drain(..) {
            let account = &self.accounts[entry.account as usize];
            let now = account.balances;
            assert!(now.sum() == entry.sum_after, "money neither appears nor vanishes (PS-5.7)");
            if now != entry.before {
                events.account_changed(&account.holder, now.list());
            }
        }
    }

    #[inline(never)]
    fn sort_touched(&mut self, registry: &Registry) {
        let mut touched = std::mem::take(&mut self.touched);
        touched.sort_unstable_by(|a, b| self.compare(a.account, b.account, registry));
        self.touched = touched;
    }
}
