//! Continuous matching: an incoming order walks the other side of its book (PS-2), and the making of a deal, which the
//! uncrossing shares. Who may come in is decided in `admission.rs` and `amend.rs`.

use crate::deposit::{settle, value_of};
use crate::event::Made;
use crate::kinds::{Aggressor, CancelReason, OrderState, SelfTrade, Side, TimeInForce};
use crate::limits::DEAL_VALUE_MAX;
use crate::market::Market;
use crate::order::{Deal, Order, ordinal};
use crate::units::{Handle, Lots, Minor, NONE, Ticks};

/// How a walk ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Walked {
    /// The order is full.
    Full,
    /// No order is left that it may take.
    Over,
    /// The next order to take is its own (PS-2.8).
    Own,
}

impl Market {
    /// An order that stands in no book comes in: where orders match at once it walks, else it rests (PS-12).
    #[inline]
    pub(crate) fn come_in(&mut self, place: Handle) {
        let order = &self.orders[place as usize];
        let book = &self.books[order.book as usize];
        let crosses = book.best(order.side.opposite()).is_some_and(|price| order.accepts(price));
        let may_rest = matches!(order.time_in_force, TimeInForce::Session | TimeInForce::Until);
        // A walk that meets nobody leaves an order as it is.
        if (crosses || !may_rest) && self.sessions[book.session as usize].is_matching() {
            self.walk(place);
        } else {
            self.rest(place);
        }
    }

    /// An order that stands in no book walks, and then rests, is killed, is cancelled, or is full (PS-2.2 to PS-2.8).
    fn walk(&mut self, place: Handle) {
        let order = &self.orders[place as usize];
        let filled = order.filled;
        let time_in_force = order.time_in_force;
        let walked = if order.indivisible || time_in_force == TimeInForce::Fok {
            self.walk_as_a_whole(place)
        } else {
            self.walk_freely(place)
        };
        match walked {
            Walked::Full => {}
            Walked::Own => self.cancel_incoming(place, CancelReason::SelfTrade),
            Walked::Over if matches!(time_in_force, TimeInForce::Ioc | TimeInForce::Fok) => {
                self.cancel_incoming(place, CancelReason::Killed);
            }
            Walked::Over => {
                if self.orders[place as usize].filled != filled {
                    self.settle_fill(place);
                }
                self.rest(place);
            }
        }
    }

    /// The rest of an incoming order ends; it never stood in the book, so no channel tells of it (EN-5).
    fn cancel_incoming(&mut self, place: Handle, reason: CancelReason) {
        let open = self.orders[place as usize].open();
        self.end(place, OrderState::cancelled(reason));
        self.events.order_cancelled(ordinal(place), open, reason, &[]);
    }

    /// The order takes what it may, deal by deal (PS-2.2 to PS-2.4).
    fn walk_freely(&mut self, place: Handle) -> Walked {
        let order = &self.orders[place as usize];
        let (book, opposite) = (order.book, order.side.opposite());
        let prevents_own = self.prevents_own(order);
        let mut level = self.books[book as usize].best(opposite);
        while let Some(price) = level.filter(|price| self.orders[place as usize].accepts(*price)) {
            let mut resting = self.books[book as usize].first_at(opposite, price);
            while resting != NONE {
                let [taker, maker] = [place, resting].map(|place| &self.orders[place as usize]);
                let next = maker.after;
                let [taker_open, maker_open] = [taker.open(), maker.open()];
                let lots = taker_open.min(maker_open);
                if lots >= maker.need(maker_open) && lots >= taker.need(taker_open) {
                    if prevents_own && taker.group == maker.group {
                        return Walked::Own;
                    }
                    self.take(place, resting, price, lots);
                    if lots == taker_open {
                        return Walked::Full;
                    }
                }
                resting = next;
            }
            level = self.books[book as usize].next_worse(opposite, price);
        }
        Walked::Over
    }

    /// All or nothing: first a plan, then its deals in walk order, or none (PS-2.5).
    fn walk_as_a_whole(&mut self, place: Handle) -> Walked {
        let mut plan = std::mem::take(&mut self.scratch.plan);
        plan.clear();
        let planned = self.plan(place, &mut plan);
        if planned == Walked::Full {
            for (resting, lots) in &plan {
                let price = self.orders[*resting as usize].price;
                self.take(place, *resting, price, *lots);
            }
        }
        self.scratch.plan = plan;
        planned
    }

    /// One walk without backtracking, where only the order's minimum binds what is left of it.
    fn plan(&self, place: Handle, plan: &mut Vec<(Handle, Lots)>) -> Walked {
        let order = &self.orders[place as usize];
        let book = &self.books[order.book as usize];
        let opposite = order.side.opposite();
        let prevents_own = self.prevents_own(order);
        let mut left = order.open();
        let mut level = book.best(opposite);
        while let Some(price) = level.filter(|price| order.accepts(*price)) {
            let mut resting = book.first_at(opposite, price);
            while resting != NONE {
                let maker = &self.orders[resting as usize];
                let open = maker.open();
                let lots = left.min(open);
                if lots >= maker.need(open) && lots >= order.minimum.min(left) {
                    if prevents_own && order.group == maker.group {
                        return Walked::Own;
                    }
                    plan.push((resting, lots));
                    left -= lots;
                    if left == 0 {
                        return Walked::Full;
                    }
                }
                resting = maker.after;
            }
            level = book.next_worse(opposite, price);
        }
        Walked::Over
    }

    fn prevents_own(&self, order: &Order) -> bool {
        let book = &self.books[order.book as usize];
        self.sessions[book.session as usize].self_trade == SelfTrade::CancelNewest
    }

    /// The incoming order takes lots of a resting one at its price.
    fn take(&mut self, taker: Handle, maker: Handle, price: Ticks, lots: Lots) {
        match self.orders[taker as usize].side {
            Side::Buy => self.make_deal(taker, maker, price, lots, Aggressor::Buy),
            Side::Sell => self.make_deal(maker, taker, price, lots, Aggressor::Sell),
        }
    }

    /// A deal: both orders are filled, its values enter Vf, the price moves the anchor, and it is told.
    #[inline]
    pub(crate) fn make_deal(&mut self, buy: Handle, sell: Handle, price: Ticks, lots: Lots, aggressor: Aggressor) {
        let [buyer, seller] = [buy, sell].map(|place| &self.orders[place as usize]);
        assert!(buyer.accepts(price) && seller.accepts(price), "no deal is worse than a limit");
        let handle = buyer.book;
        let k = self.books[handle as usize].tick_lot_value;
        let value = |order: &Order| value_of(price.min(order.price), lots, k);
        let deal = Deal { buy, sell, buy_value: value(buyer), sell_value: value(seller) };
        self.fill(buy, lots, deal.buy_value, aggressor != Aggressor::Buy);
        self.fill(sell, lots, deal.sell_value, aggressor != Aggressor::Sell);
        let book = &mut self.books[handle as usize];
        book.note_price(price);
        book.channel += 1;
        let [buyer, seller] = [buy, sell].map(|place| &self.orders[place as usize]);
        self.events.deal_made(&Made {
            deal: self.deals.make(deal),
            place: &book.names,
            buy_order: ordinal(buy),
            sell_order: ordinal(sell),
            price,
            quantity: lots,
            aggressor,
            buy_open: buyer.open(),
            sell_open: seller.open(),
            buyer: &self.ledger.accounts[buyer.account as usize].party,
            seller: &self.ledger.accounts[seller.account as usize].party,
        });
    }

    /// Lots of an order are filled. A resting one leaves the book when it is full; an incoming one settles its deposit
    /// once, at the end of its walk.
    #[inline]
    fn fill(&mut self, place: Handle, lots: Lots, value: Minor, is_resting: bool) {
        let order = &mut self.orders[place as usize];
        assert!(lots > 0 && lots <= order.open(), "a deal fills what is open");
        order.filled += lots;
        order.deal_value += value;
        assert!(order.deal_value <= DEAL_VALUE_MAX, "limits bound what an order can trade");
        let is_full = order.open() == 0;
        if is_resting {
            let (side, price) = (order.side, order.price);
            let book = &mut self.books[order.book as usize];
            book.shrink(side, price, lots);
            if is_full {
                book.part(&mut self.orders, place);
            } else {
                self.settle_fill(place);
            }
        }
        if is_full {
            self.end(place, OrderState::Filled);
        }
    }

    /// PS-5.4 after fills: what is required does not rise.
    fn settle_fill(&mut self, place: Handle) {
        let order = &mut self.orders[place as usize];
        let before = order.reserved + order.blocked;
        settle(order, self.books[order.book as usize].tick_lot_value, &mut self.ledger);
        assert!(order.reserved + order.blocked <= before, "a fill never needs more deposit");
    }
}
