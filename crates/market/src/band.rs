//! Price bands: the effective band of an instrument (PS-10.1, PS-10.2) and the rounding of references and bounds to its
//! grid (PS-0.7, EN-6.1). Who is refused or parked for it is decided in `admission.rs` and `session.rs`.

use crate::book::{Band, Book, Bounds};
use crate::command;
use crate::limits::{BOUND_TICKS_CAP, PPM};
use crate::units::{Decimal, Step, Ticks};

/// The relative band around an anchor: the lower bound rounded up and at least 1, the upper one down.
fn relative(anchor: u64, bounds: &Bounds) -> Band {
    let share = |ppm: u32| u128::from(anchor) * u128::from(ppm);
    let whole = u128::from(PPM);
    let fits = |ticks: u128| u64::try_from(ticks).expect("an anchor is below 2^53, a band at most twice as wide");
    Band {
        low: bounds.down_ppm.map(|down| fits(share(PPM - down).div_ceil(whole)).max(1)),
        high: bounds.up_ppm.map(|up| fits(share(PPM + up) / whole)),
    }
}

impl Book {
    /// The intersection of fixed and relative band. The anchor is the last deal's price, else the reference; without
    /// either there is no relative band.
    pub(crate) fn renew_band(&mut self) {
        let fixed = Band { low: self.bounds.lower, high: self.bounds.upper };
        let anchor = self.last_price.map(u64::from).or(self.reference);
        self.band = match anchor {
            Some(anchor) if self.bounds.down_ppm.is_some() || self.bounds.up_ppm.is_some() => {
                let relative = relative(anchor, &self.bounds);
                Band {
                    low: fixed.low.max(relative.low),
                    high: match (fixed.high, relative.high) {
                        (Some(fixed), Some(relative)) => Some(fixed.min(relative)),
                        (fixed, relative) => fixed.or(relative),
                    },
                }
            }
            _ => fixed,
        };
    }

    /// A deal was made at this price: the anchor moves (PS-10.2).
    #[inline]
    pub(crate) fn note_price(&mut self, price: Ticks) {
        if self.last_price != Some(price) {
            self.last_price = Some(price);
            self.renew_band();
        }
    }
}

/// Bounds on the grid: a lower one rounded up, an upper one down.
pub(crate) fn bounds_on_grid(given: &command::Bounds, tick: &Step) -> Bounds {
    Bounds {
        lower: given.lower.map(|lower| tick.count(lower).ceil().min(BOUND_TICKS_CAP)),
        upper: given.upper.map(|upper| tick.count(upper).floor.min(BOUND_TICKS_CAP)),
        down_ppm: given.down_ppm,
        up_ppm: given.up_ppm,
    }
}

/// A reference on the grid: rounded half up, at least one tick.
pub(crate) fn reference_on_grid(given: Decimal, tick: &Step) -> u64 {
    tick.nearest(given).clamp(1, BOUND_TICKS_CAP)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ppm(down: u32, up: u32) -> Bounds {
        Bounds { lower: None, upper: None, down_ppm: Some(down), up_ppm: Some(up) }
    }

    #[test]
    fn the_example_of_ps_10_comes_out() {
        assert_eq!(relative(1_000, &ppm(200_000, 100)), Band { low: Some(800), high: Some(1_000) });
        assert_eq!(relative(1_003, &ppm(200_000, 100)), Band { low: Some(803), high: Some(1_003) });
    }

    #[test]
    fn a_relative_lower_bound_is_at_least_one_tick() {
        assert_eq!(relative(5, &ppm(1_000_000, 1_000_000)), Band { low: Some(1), high: Some(10) });
    }

    #[test]
    fn the_greatest_anchor_overflows_nothing() {
        let band = relative(BOUND_TICKS_CAP, &ppm(0, 1_000_000));
        assert_eq!(band, Band { low: Some(BOUND_TICKS_CAP), high: Some(2 * BOUND_TICKS_CAP) });
    }

    #[test]
    fn references_and_bounds_go_to_the_grid() {
        let tick = Step::of(Decimal::parse(b"0.05").expect("decimal")).expect("step");
        let decimal = |text: &str| Decimal::parse(text.as_bytes()).expect("decimal");
        assert_eq!(reference_on_grid(decimal("0.01"), &tick), 1);
        assert_eq!(reference_on_grid(decimal("1.025"), &tick), 21);
        let given = command::Bounds {
            lower: Some(decimal("1.01")),
            upper: Some(decimal("1.04")),
            down_ppm: None,
            up_ppm: None,
        };
        let bounds = bounds_on_grid(&given, &tick);
        assert_eq!((bounds.lower, bounds.upper), (Some(21), Some(20)));
    }
}
