//! What an order has to secure (PS-5): the one formula, and the movement of its differences between the places of an
//! account. Whether there is enough is tested in `admission.rs` and `amend.rs` before anything changes.

use crate::account::Ledger;
use crate::limits::PPM;
use crate::order::Order;
use crate::units::{Lots, Minor, Ticks};

/// Up to here V × PPM fits 64 bits.
const VALUE_FITS: u64 = u64::MAX / PPM as u64 - 1;

/// f(V) of PS-5.2: nothing for nothing, else the rate of the value rounded up, at least the floor.
#[inline]
pub(crate) fn secured(value: Minor, rate_ppm: u32, floor: Minor) -> Minor {
    if value == 0 {
        return 0;
    }
    let share = if value <= VALUE_FITS {
        (value * u64::from(rate_ppm)).div_ceil(u64::from(PPM))
    } else {
        let exact = (u128::from(value) * u128::from(rate_ppm)).div_ceil(u128::from(PPM));
        Minor::try_from(exact).expect("a rate is at most the whole value")
    };
    share.max(floor)
}

/// Vo of PS-5.3, also the value of a fill at a price.
#[inline]
pub(crate) fn value_of(price: Ticks, lots: Lots, tick_lot_value: u64) -> Minor {
    u64::from(price) * u64::from(lots) * tick_lot_value
}

/// Reserved and blocked of PS-5.3 for an order with these values.
#[inline]
pub(crate) fn parts(deal_value: Minor, open_value: Minor, rate_ppm: u32, floor: Minor) -> (Minor, Minor) {
    if deal_value == 0 {
        return (secured(open_value, rate_ppm, floor), 0);
    }
    let blocked = secured(deal_value, rate_ppm, floor);
    let required = secured(deal_value + open_value, rate_ppm, floor);
    (required - blocked, blocked)
}

impl Order {
    /// Whether it has to secure anything at all.
    #[inline]
    pub(crate) fn is_secured(&self) -> bool {
        self.rate_ppm != 0 || self.floor != 0
    }

    /// Reserved and blocked as they follow from its values.
    pub(crate) fn parts(&self, tick_lot_value: u64) -> (Minor, Minor) {
        let open_value = value_of(self.price, self.open(), tick_lot_value);
        parts(self.deal_value, open_value, self.rate_ppm, self.floor)
    }
}

/// Computes PS-5.3 again for an order whose values have changed; differences move between the places of its account.
#[inline]
pub(crate) fn settle(order: &mut Order, tick_lot_value: u64, ledger: &mut Ledger) {
    if !order.is_secured() {
        return;
    }
    let old = (order.reserved, order.blocked);
    let new = order.parts(tick_lot_value);
    if new != old {
        (order.reserved, order.blocked) = new;
        ledger.shift(order.account, old, new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_ps_5_come_out() {
        assert_eq!(secured(25_000_000, 2_000, 20_000), 50_000);
        assert_eq!(parts(7_200_000, 17_500_000, 2_000, 20_000), (29_400, 20_000));
        assert_eq!(secured(333_333, 2_000, 0), 667);
        assert_eq!(secured(0, 2_000, 20_000), 0);
        assert_eq!(secured(1, 0, 20_000), 20_000);
    }

    #[test]
    fn the_wide_path_agrees_with_the_narrow_one() {
        for value in [VALUE_FITS - 1, VALUE_FITS] {
            let exact = (u128::from(value) * 999_999).div_ceil(1_000_000);
            assert_eq!(u128::from(secured(value, 999_999, 0)), exact);
        }
        assert_eq!(secured(VALUE_FITS + 1, 1_000_000, 0), VALUE_FITS + 1);
    }
}
