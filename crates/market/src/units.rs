//! Numbers with names: decimal text, multiples of a step, money, times (PS-0.6, PS-0.7, EN-1). All arithmetic is on
//! integers and exact; rounding is written where it happens. No rule of the market belongs here.

use std::cmp::Ordering;

/// A price in ticks, a quantity in lots, money in minor units, a number of the journal, an order or a deal.
pub(crate) type Ticks = u32;
pub(crate) type Lots = u32;
pub(crate) type Minor = u64;
pub(crate) type Ordinal = u64;

/// A place in a table. `NONE` stands where there is nothing.
pub(crate) type Handle = u32;
pub(crate) const NONE: Handle = u32::MAX;

const NANO: u64 = 1_000_000_000;
const WHOLE_DIGITS_MAX: usize = 15;
const DECIMALS_MAX: usize = 9;
/// Below this, whole × 10^9 + 10^9 − 1 fits 64 bits.
const WHOLE_NANO_FITS: u64 = u64::MAX / NANO;

/// Seconds since 1970 UTC and nanoseconds below 10^9.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Time {
    pub(crate) seconds: u64,
    pub(crate) nanos: u32,
}

impl Time {
    pub(crate) fn nanoseconds(self) -> u128 {
        u128::from(self.seconds) * u128::from(NANO) + u128::from(self.nanos)
    }

    /// The time so many nanoseconds later.
    pub(crate) fn later_by(self, nanoseconds: u128) -> Time {
        let sum = self.nanoseconds() + nanoseconds;
        Time {
            seconds: u64::try_from(sum / u128::from(NANO)).expect("a planned time fits 64 bits of seconds"),
            nanos: u32::try_from(sum % u128::from(NANO)).expect("a remainder below 10^9"),
        }
    }
}

/// Decimal text as it was given: whole part, fraction in 10^-9, and how many decimals were written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Decimal {
    whole: u64,
    nanos: u32,
    decimals: u8,
}

impl Decimal {
    /// `[0-9]{1,15}(\.[0-9]{1,9})?`, or nothing.
    pub(crate) fn parse(text: &[u8]) -> Option<Decimal> {
        let mut whole = 0_u64;
        let mut at = 0;
        while let Some(byte) = text.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            if at == WHOLE_DIGITS_MAX {
                return None;
            }
            whole = whole * 10 + u64::from(digit);
            at += 1;
        }
        if at == 0 {
            return None;
        }
        if at == text.len() {
            return Some(Decimal { whole, nanos: 0, decimals: 0 });
        }
        Decimal::parse_fraction(whole, &text[at..])
    }

    fn parse_fraction(whole: u64, rest: &[u8]) -> Option<Decimal> {
        let digits = rest.strip_prefix(b".")?;
        if digits.is_empty() || digits.len() > DECIMALS_MAX || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let mut nanos = 0_u32;
        for place in 0..DECIMALS_MAX {
            nanos = nanos * 10 + digits.get(place).map_or(0, |digit| u32::from(digit - b'0'));
        }
        Some(Decimal { whole, nanos, decimals: u8::try_from(digits.len()).ok()? })
    }

    /// The exact value in 10^-9.
    pub(crate) fn nano(self) -> u128 {
        u128::from(self.whole) * u128::from(NANO) + u128::from(self.nanos)
    }

    pub(crate) fn is_zero(self) -> bool {
        self.whole == 0 && self.nanos == 0
    }

    /// Money in minor units; nothing where more decimals are written than the currency has (PS-0.6, EN-6.2).
    pub(crate) fn minor(self, currency: &str) -> Option<Minor> {
        let digits = currency_digits(currency);
        if u32::from(self.decimals) > digits {
            return None;
        }
        let fraction = u64::from(self.nanos) / 10_u64.pow(9 - digits);
        Some(self.whole * 10_u64.pow(digits) + fraction)
    }
}

/// Decimals of a currency's minor unit (ISO 4217); two for a code that the standard does not list.
pub(crate) fn currency_digits(currency: &str) -> u32 {
    match currency {
        "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI" | "VND"
        | "VUV" | "XAF" | "XOF" | "XPF" => 0,
        "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
        "CLF" | "UYW" => 4,
        _ => 2,
    }
}

/// A tick or a lot: what prices or quantities are counted in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    nano: u128,
    /// The step where it is a whole number, else 0.
    whole: u64,
    /// The step in 10^-9 where that fits 64 bits, else 0.
    nano_small: u64,
}

impl Step {
    /// A step of 0 counts nothing.
    pub(crate) fn of(value: Decimal) -> Option<Step> {
        if value.is_zero() {
            return None;
        }
        Some(Step {
            nano: value.nano(),
            whole: if value.nanos == 0 { value.whole } else { 0 },
            nano_small: u64::try_from(value.nano()).unwrap_or(0),
        })
    }

    pub(crate) fn nano(self) -> u128 {
        self.nano
    }

    /// How many steps a value is.
    #[inline]
    pub(crate) fn count(&self, value: Decimal) -> Multiple {
        if value.nanos == 0 && self.whole == 1 {
            return Multiple { floor: value.whole, exact: true };
        }
        if value.nanos == 0 && self.whole != 0 {
            return Multiple { floor: value.whole / self.whole, exact: value.whole % self.whole == 0 };
        }
        if value.whole < WHOLE_NANO_FITS && self.nano_small != 0 {
            let nano = value.whole * NANO + u64::from(value.nanos);
            return Multiple { floor: nano / self.nano_small, exact: nano % self.nano_small == 0 };
        }
        let nano = value.nano();
        Multiple { floor: u64::try_from(nano / self.nano).unwrap_or(u64::MAX), exact: nano % self.nano == 0 }
    }

    /// The nearest multiple, a half upwards (PS-0.7).
    pub(crate) fn nearest(&self, value: Decimal) -> u64 {
        u64::try_from((2 * value.nano() + self.nano) / (2 * self.nano)).unwrap_or(u64::MAX)
    }
}

/// An exact quotient as far as rules ask for it: its floor, and whether it is whole. A floor beyond 64 bits stands at the
/// greatest value, which is beyond every limit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Multiple {
    pub(crate) floor: u64,
    pub(crate) exact: bool,
}

impl Multiple {
    pub(crate) fn whole(count: u64) -> Multiple {
        Multiple { floor: count, exact: true }
    }

    pub(crate) fn ceil(self) -> u64 {
        if self.exact { self.floor } else { self.floor.saturating_add(1) }
    }

    /// The quotient compared with a whole number.
    #[inline]
    pub(crate) fn compare(self, count: u64) -> Ordering {
        self.floor.cmp(&count).then(if self.exact { Ordering::Equal } else { Ordering::Greater })
    }
}

/// Whether a × b × c > d × e × f, exactly, where the products of each side may need 256 bits.
pub(crate) fn product_exceeds(left: (u128, u128, u64), right: (u128, u128, u64)) -> bool {
    wide_product(left) > wide_product(right)
}

/// The product as four 64-bit digits, the highest first, so that arrays compare as numbers. One digit of room is
/// asserted: the factors are decimal texts (80 bits each) and a limit (64 bits).
fn wide_product((a, b, c): (u128, u128, u64)) -> [u128; 4] {
    let mut digits = [0_u128, 0, 0, 1];
    for factor in [a, b, u128::from(c)] {
        let [high, low] = [factor >> 64, factor & u128::from(u64::MAX)];
        let mut product = [0_u128; 5];
        for (place, digit) in digits.iter().rev().enumerate() {
            for (shift, part) in [low, high].into_iter().enumerate() {
                add_at(&mut product, place + shift, digit * part);
            }
        }
        assert!(product[4] == 0, "a product of at most 256 bits");
        digits = [product[3], product[2], product[1], product[0]];
    }
    digits
}

fn add_at(product: &mut [u128; 5], place: usize, value: u128) {
    let mut carry = value;
    let mut place = place;
    while carry != 0 {
        assert!(place < 5, "a product of at most 256 bits");
        let sum = product[place] + (carry & u128::from(u64::MAX));
        product[place] = sum & u128::from(u64::MAX);
        carry = (carry >> 64) + (sum >> 64);
        place += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text.as_bytes()).expect("decimal text")
    }

    fn step(text: &str) -> Step {
        Step::of(decimal(text)).expect("a step above zero")
    }

    #[test]
    fn decimal_text_has_one_to_fifteen_digits_and_up_to_nine_decimals() {
        for text in ["", ".", "1.", ".5", "-1", "1e3", "1.0000000001", "1234567890123456", "1 ", "1,5", "+1", "1.5.5"] {
            assert!(Decimal::parse(text.as_bytes()).is_none(), "{text:?}");
        }
        assert_eq!(decimal("123456789012345.123456789").nano(), 123_456_789_012_345_123_456_789);
        assert_eq!(decimal("007.50").nano(), 7_500_000_000);
    }

    #[test]
    fn a_count_of_steps_is_exact_in_every_range() {
        for (value, unit, floor, exact) in [
            ("7", "1", 7, true),
            ("7.5", "1", 7, false),
            ("10", "4", 2, false),
            ("12", "4", 3, true),
            ("0.03", "0.01", 3, true),
            ("0.035", "0.01", 3, false),
            ("999999999999999", "0.000000001", u64::MAX, true),
            ("999999999999999.5", "3", 333_333_333_333_333, false),
        ] {
            let count = step(unit).count(decimal(value));
            assert_eq!((count.floor, count.exact), (floor, exact), "{value} of {unit}");
        }
    }

    #[test]
    fn half_a_step_rounds_up() {
        assert_eq!(step("0.5").nearest(decimal("1.25")), 3);
        assert_eq!(step("0.5").nearest(decimal("1.249999999")), 2);
        assert_eq!(step("10").nearest(decimal("4.999")), 0);
    }

    #[test]
    fn money_has_the_decimals_of_its_currency() {
        assert_eq!(decimal("200.00").minor("EUR"), Some(20_000));
        assert_eq!(decimal("200").minor("EUR"), Some(20_000));
        assert_eq!(decimal("200.000").minor("EUR"), None);
        assert_eq!(decimal("200.0").minor("JPY"), None);
        assert_eq!(decimal("1.234").minor("BHD"), Some(1_234));
        assert_eq!(decimal("999999999999999.9999").minor("CLF"), Some(9_999_999_999_999_999_999));
    }

    #[test]
    fn products_beyond_128_bits_compare_exactly() {
        let big = 10_u128.pow(24);
        assert!(product_exceeds((big, big, 2), (big, big, 1)));
        assert!(!product_exceeds((big, big, 1), (big, big, 1)));
        assert!(product_exceeds((big, big + 1, 1_000_000), (big, big, 1_000_000)));
        assert!(!product_exceeds((big, 1, 1), (big, big, 10_u64.pow(15))));
    }

    #[test]
    fn a_time_moves_over_the_second() {
        let time = Time { seconds: 5, nanos: 999_999_999 };
        assert_eq!(time.later_by(1), Time { seconds: 6, nanos: 0 });
        assert_eq!(time.later_by(2_000_000_001), Time { seconds: 8, nanos: 0 });
    }
}
