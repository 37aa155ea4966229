//! Canonical MessagePack, exactly the forms of EN-1: arrays, text, unsigned and negative integers in the shortest form,
//! booleans, nil. The reader refuses everything else with an error and never panics; it knows no command and no state.

use crate::limits::TEXT_BYTES_MAX;
use crate::units::{Decimal, Time};
use std::fmt;

/// Bytes that are no frame or no state: which expectation they disappointed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed {
    // A thin pointer: a number or this fits two registers.
    what: &'static &'static str,
}

impl Malformed {
    pub(crate) const fn new(what: &'static &'static str) -> Malformed {
        Malformed { what }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "malformed: {}", self.what)
    }
}

impl std::error::Error for Malformed {}

pub(crate) type Read<T> = Result<T, Malformed>;

const NIL: u8 = 0xc0;
const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;

/// Walks over bytes from their beginning. While its methods are inlined it lives in registers; it is handed to a function
/// that is not only as a copy.
#[derive(Clone)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { rest: bytes }
    }

    #[inline(always)]
    pub(crate) fn refuse<T>(&self, what: &'static &'static str) -> Read<T> {
        Err(Malformed::new(what))
    }

    /// An error unless `holds`.
    #[inline(always)]
    pub(crate) fn expect(&self, holds: bool, what: &'static &'static str) -> Read<()> {
        if holds { Ok(()) } else { self.refuse(what) }
    }

    /// Everything has been read.
    #[inline(always)]
    pub(crate) fn end(&self) -> Read<()> {
        self.expect(self.rest.is_empty(), &"nothing may follow")
    }

    #[inline(always)]
    fn byte(&mut self) -> Read<u8> {
        let Some((first, rest)) = self.rest.split_first() else {
            return self.refuse(&"the bytes end too early");
        };
        self.rest = rest;
        Ok(*first)
    }

    #[inline(always)]
    fn take(&mut self, length: usize) -> Read<&'a [u8]> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            return self.refuse(&"the bytes end too early");
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline(always)]
    fn chunk<const N: usize>(&mut self) -> Read<[u8; N]> {
        let Some((taken, rest)) = self.rest.split_first_chunk::<N>() else {
            return self.refuse(&"the bytes end too early");
        };
        self.rest = rest;
        Ok(*taken)
    }

    #[inline(always)]
    pub(crate) fn uint(&mut self) -> Read<u64> {
        let first = self.byte()?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let class = first.wrapping_sub(0xcc);
        self.expect(class <= 3, &"an unsigned integer is expected")?;
        let size = 1 << class;
        // Mostly there are eight bytes to load at once, of which the first `size` count.
        let number = match self.rest.first_chunk::<8>() {
            Some(word) => {
                self.rest = &self.rest[size..];
                u64::from_be_bytes(*word) >> (64 - 8 * size)
            }
            None => self.take(size)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)),
        };
        const SHORTEST: [u64; 4] = [0x80, 0x100, 0x1_0000, 0x1_0000_0000];
        self.expect(number >= SHORTEST[usize::from(class)], &"an integer stands in its shortest form")?;
        Ok(number)
    }

    /// An unsigned integer of at most `most`.
    #[inline(always)]
    pub(crate) fn uint_to(&mut self, most: u64) -> Read<u64> {
        let number = self.uint()?;
        self.expect(number <= most, &"an integer is above its limit")?;
        Ok(number)
    }

    /// An unsigned integer of at most `most`, which fits 32 bits.
    #[inline(always)]
    pub(crate) fn small(&mut self, most: u32) -> Read<u32> {
        match u32::try_from(self.uint()?) {
            Ok(number) if number <= most => Ok(number),
            _ => self.refuse(&"an integer is above its limit"),
        }
    }

    /// The number of elements of the array that follows.
    #[inline(always)]
    pub(crate) fn array(&mut self) -> Read<usize> {
        let first = self.byte()?;
        if first & 0xf0 == 0x90 {
            return Ok(usize::from(first & 0x0f));
        }
        self.long_array(first)
    }

    #[inline(always)]
    fn long_array(&mut self, first: u8) -> Read<usize> {
        let (length, below) = match first {
            0xdc => (u32::from(u16::from_be_bytes(self.chunk()?)), 0x10),
            0xdd => (u32::from_be_bytes(self.chunk()?), 0x1_0000),
            _ => return self.refuse(&"an array is expected"),
        };
        self.expect(length >= below, &"an array stands in its shortest form")?;
        // Each element takes at least a byte: a length that the bytes cannot hold must not reserve memory.
        let length = length as usize;
        self.expect(length <= self.rest.len(), &"an array is longer than its bytes")?;
        Ok(length)
    }

    /// An array of exactly so many elements.
    #[inline(always)]
    pub(crate) fn fields(&mut self, count: usize) -> Read<()> {
        let found = self.array()?;
        self.expect(found == count, &"a struct has another number of fields")
    }

    /// A text whose UTF-8 has not been looked at.
    #[inline(always)]
    fn text_bytes(&mut self) -> Read<&'a [u8]> {
        let first = self.byte()?;
        let length = match first {
            0xa0..=0xbf => usize::from(first & 0x1f),
            0xd9 => {
                let length = usize::from(self.byte()?);
                self.expect(length >= 0x20, &"a text stands in its shortest form")?;
                length
            }
            _ => return self.refuse(&"a text of at most 200 bytes is expected"),
        };
        self.expect(length != 0 && length <= TEXT_BYTES_MAX, &"a text has 1 to 200 bytes")?;
        self.take(length)
    }

    #[inline(always)]
    pub(crate) fn text(&mut self) -> Read<&'a str> {
        let bytes = self.text_bytes()?;
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => self.refuse(&"a text is not UTF-8"),
        }
    }

    /// A text that is looked up: what `find` finds under its bytes is UTF-8, so only an unknown one has to be tested.
    #[inline(always)]
    pub(crate) fn name<T>(&mut self, find: impl FnOnce(&[u8]) -> Option<T>) -> Read<Option<T>> {
        let bytes = self.text_bytes()?;
        let found = find(bytes);
        if found.is_none() && std::str::from_utf8(bytes).is_err() {
            return self.refuse(&"a text is not UTF-8");
        }
        Ok(found)
    }

    #[inline(always)]
    pub(crate) fn decimal(&mut self) -> Read<Decimal> {
        let bytes = self.text_bytes()?;
        match Decimal::parse(bytes) {
            Some(value) => Ok(value),
            None => self.refuse(&"a decimal is expected"),
        }
    }

    /// Whether nil stands here, which is then read.
    #[inline(always)]
    pub(crate) fn nil(&mut self) -> bool {
        match self.rest {
            [NIL, rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// Nil, or what `read` reads.
    #[inline(always)]
    pub(crate) fn option<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<Option<T>> {
        if self.nil() { Ok(None) } else { read(self).map(Some) }
    }

    /// An array whose elements `read` reads.
    pub(crate) fn list<T>(&mut self, mut read: impl FnMut(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let length = self.array()?;
        let mut items = Vec::with_capacity(length);
        for _ in 0..length {
            items.push(read(self)?);
        }
        Ok(items)
    }

    #[inline(always)]
    pub(crate) fn boolean(&mut self) -> Read<bool> {
        match self.byte()? {
            FALSE => Ok(false),
            TRUE => Ok(true),
            _ => self.refuse(&"a boolean is expected"),
        }
    }

    /// A member of an enumeration.
    #[inline(always)]
    pub(crate) fn member<T>(&mut self, of: impl FnOnce(u64) -> Option<T>) -> Read<T> {
        // Every member is below 128, one byte.
        match of(u64::from(self.byte()?)) {
            Some(member) => Ok(member),
            None => self.refuse(&"no member of this enumeration"),
        }
    }

    #[inline(always)]
    pub(crate) fn time(&mut self) -> Read<Time> {
        let header = self.byte()?;
        self.expect(header == 0x92, &"a time is seconds and nanoseconds")?;
        let seconds = self.uint()?;
        let nanos = self.small(999_999_999)?;
        Ok(Time { seconds, nanos })
    }
}

/// Encoded text that is written again and again, such as the names of a book. A short one is copied as a whole block,
/// which is one move instead of a call.
pub(crate) struct Fragment {
    block: [u8; BLOCK],
    length: usize,
    /// All of it, where it is longer than a block.
    long: Box<[u8]>,
}

const BLOCK: usize = 32;

impl Fragment {
    pub(crate) fn new(write: impl FnOnce(&mut Writer)) -> Fragment {
        let mut writer = Writer::default();
        write(&mut writer);
        let bytes = writer.into_bytes();
        let mut block = [0; BLOCK];
        let is_short = bytes.len() <= BLOCK;
        if is_short {
            block[..bytes.len()].copy_from_slice(&bytes);
        }
        let length = bytes.len();
        Fragment { block, length, long: if is_short { Box::default() } else { bytes.into_boxed_slice() } }
    }
}

/// Room for the longest event that has a bounded number of fields: six texts of 200 bytes and fourteen numbers.
pub(crate) const ROOM: usize = 2048;

/// The longest form of a number.
const NUMBER: usize = 9;

/// Writes values one behind the other in their shortest form. While its methods are inlined its place lives in a register.
pub(crate) struct Cursor<'a> {
    to: &'a mut [u8; ROOM],
    at: usize,
}

impl Cursor<'_> {
    /// How much has been written.
    #[inline(always)]
    pub(crate) fn length(&self) -> usize {
        self.at
    }

    /// The next N bytes to write to; `at` has not moved.
    #[inline(always)]
    fn next<const N: usize>(&mut self) -> &mut [u8; N] {
        self.to[self.at..].first_chunk_mut().expect("there is room for an event")
    }

    #[inline(always)]
    pub(crate) fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        *self.next() = bytes;
        self.at += N;
    }

    #[inline(always)]
    pub(crate) fn uint(&mut self, number: u64) {
        let all = number.to_be_bytes();
        let to = self.next::<NUMBER>();
        let used = match number {
            0..=0x7f => {
                to[0] = all[7];
                1
            }
            0x80..=0xff => {
                [to[0], to[1]] = [0xcc, all[7]];
                2
            }
            0x100..=0xffff => {
                [to[0], to[1], to[2]] = [0xcd, all[6], all[7]];
                3
            }
            0x1_0000..=0xffff_ffff => {
                to[0] = 0xce;
                to[1..5].copy_from_slice(&all[4..]);
                5
            }
            _ => {
                to[0] = 0xcf;
                to[1..].copy_from_slice(&all);
                9
            }
        };
        self.at += used;
    }

    #[inline(always)]
    pub(crate) fn int(&mut self, number: i64) {
        if let Ok(number) = u64::try_from(number) {
            return self.uint(number);
        }
        let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
        match number {
            -32..=-1 => self.bytes([h]),
            -0x80..=-33 => self.bytes([0xd0, h]),
            -0x8000..=-0x81 => self.bytes([0xd1, g, h]),
            -0x8000_0000..=-0x8001 => self.bytes([0xd2, e, f, g, h]),
            _ => self.bytes([0xd3, a, b, c, d, e, f, g, h]),
        }
    }

    #[inline(always)]
    pub(crate) fn array(&mut self, length: usize) {
        let (header, used) = array_header(length);
        self.raw(&header[5 - used..]);
    }

    #[inline(always)]
    pub(crate) fn text(&mut self, text: &str) {
        let length = u8::try_from(text.len()).expect("a text has at most 200 bytes");
        if length < 0x20 {
            self.bytes([0xa0 | length]);
        } else {
            self.bytes([0xd9, length]);
        }
        self.raw(text.as_bytes());
    }

    #[inline(always)]
    pub(crate) fn raw(&mut self, encoded: &[u8]) {
        self.to[self.at..self.at + encoded.len()].copy_from_slice(encoded);
        self.at += encoded.len();
    }

    #[inline(always)]
    pub(crate) fn fragment(&mut self, fragment: &Fragment) {
        if fragment.length > BLOCK {
            return self.raw(&fragment.long);
        }
        *self.next() = fragment.block;
        self.at += fragment.length;
    }

    #[inline(always)]
    pub(crate) fn nil(&mut self) {
        self.bytes([NIL]);
    }

    #[inline(always)]
    pub(crate) fn boolean(&mut self, value: bool) {
        self.bytes([if value { TRUE } else { FALSE }]);
    }

    #[inline(always)]
    pub(crate) fn optional_uint(&mut self, number: Option<u64>) {
        match number {
            Some(number) => self.uint(number),
            None => self.nil(),
        }
    }

    #[inline(always)]
    pub(crate) fn optional_text(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.text(text),
            None => self.nil(),
        }
    }

    #[inline(always)]
    pub(crate) fn time(&mut self, time: Time) {
        self.bytes([0x92]);
        self.uint(time.seconds);
        self.uint(u64::from(time.nanos));
    }

    #[inline(always)]
    pub(crate) fn optional_time(&mut self, time: Option<Time>) {
        match time {
            Some(time) => self.time(time),
            None => self.nil(),
        }
    }
}

/// Bytes that grow. Every value goes through a cursor into the room behind what has been written.
#[derive(Default)]
pub(crate) struct Writer {
    bytes: Vec<u8>,
    at: usize,
}

impl Writer {
    pub(crate) fn reserve(&mut self, more: usize) {
        self.bytes.resize(self.at + more, 0);
    }

    pub(crate) fn written(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.at]
    }

    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.at);
        self.bytes
    }

    /// Goes back to the first `length` bytes.
    #[inline(always)]
    pub(crate) fn truncate(&mut self, length: usize) {
        assert!(length <= self.at, "only what was written is taken back");
        self.at = length;
    }

    /// A cursor behind what has been written; `advance` by its length keeps what it wrote.
    #[inline(always)]
    pub(crate) fn cursor(&mut self) -> Cursor<'_> {
        if self.bytes.len() < self.at + ROOM {
            self.grow();
        }
        Cursor { to: self.bytes[self.at..].first_chunk_mut().expect("there is room"), at: 0 }
    }

    #[inline(always)]
    pub(crate) fn advance(&mut self, length: usize) {
        self.at += length;
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let length = (2 * self.bytes.len()).max(self.at + 2 * ROOM);
        self.bytes.resize(length, 0);
    }

    /// Writes through a cursor and keeps it.
    #[inline(always)]
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Cursor<'_>)) {
        let mut cursor = self.cursor();
        write(&mut cursor);
        let length = cursor.length();
        self.advance(length);
    }

    pub(crate) fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        self.write(|to| to.bytes(bytes));
    }

    pub(crate) fn uint(&mut self, number: u64) {
        self.write(|to| to.uint(number));
    }

    #[cfg(test)]
    fn int(&mut self, number: i64) {
        self.write(|to| to.int(number));
    }

    pub(crate) fn array(&mut self, length: usize) {
        self.write(|to| to.array(length));
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.write(|to| to.text(text));
    }

    pub(crate) fn fragment(&mut self, fragment: &Fragment) {
        self.write(|to| to.fragment(fragment));
    }

    pub(crate) fn nil(&mut self) {
        self.write(|to| to.nil());
    }

    pub(crate) fn boolean(&mut self, value: bool) {
        self.write(|to| to.boolean(value));
    }

    pub(crate) fn optional_uint(&mut self, number: Option<u64>) {
        self.write(|to| to.optional_uint(number));
    }

    pub(crate) fn optional_text(&mut self, text: Option<&str>) {
        self.write(|to| to.optional_text(text));
    }

    pub(crate) fn time(&mut self, time: Time) {
        self.write(|to| to.time(time));
    }

    pub(crate) fn optional_time(&mut self, time: Option<Time>) {
        self.write(|to| to.optional_time(time));
    }
}

/// The header of an array in the last bytes of five, and how many of them it takes.
#[inline]
pub(crate) fn array_header(length: usize) -> ([u8; 5], usize) {
    let [.., a, b, c, d] = length.to_be_bytes();
    match length {
        0..=0x0f => ([0, 0, 0, 0, 0x90 | d], 1),
        0x10..=0xffff => ([0, 0, 0xdc, c, d], 3),
        _ => {
            assert!(length <= 0xffff_ffff, "an array has fewer than 2^32 elements");
            ([0xdd, a, b, c, d], 5)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_stand_in_the_shortest_form_and_come_back() {
        for (number, length) in [
            (0, 1),
            (127, 1),
            (128, 2),
            (255, 2),
            (256, 3),
            (65_535, 3),
            (65_536, 5),
            (u64::from(u32::MAX), 5),
            (1 << 32, 9),
            (u64::MAX, 9),
        ] {
            let mut writer = Writer::default();
            writer.uint(number);
            let bytes = writer.into_bytes();
            assert_eq!(bytes.len(), length);
            assert_eq!(Reader::new(&bytes).uint(), Ok(number));
        }
    }

    #[test]
    fn negative_integers_stand_in_the_shortest_form() {
        for (number, bytes) in [
            (-1_i64, vec![0xff]),
            (-32, vec![0xe0]),
            (-33, vec![0xd0, 0xdf]),
            (-128, vec![0xd0, 0x80]),
            (-129, vec![0xd1, 0xff, 0x7f]),
            (-32_769, vec![0xd2, 0xff, 0xff, 0x7f, 0xff]),
            (-2_147_483_649, vec![0xd3, 0xff, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]),
        ] {
            let mut writer = Writer::default();
            writer.int(number);
            assert_eq!(writer.into_bytes(), bytes);
        }
    }

    #[test]
    fn longer_forms_than_needed_are_refused() {
        assert!(Reader::new(&[0xcc, 0x7f]).uint().is_err());
        assert!(Reader::new(&[0xcd, 0x00, 0xff]).uint().is_err());
        assert!(Reader::new(&[0xcf, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]).uint().is_err());
        assert!(Reader::new(&[0xdc, 0x00, 0x01, 0xc0]).array().is_err());
        assert!(Reader::new(&[0xd9, 0x01, b'a']).text().is_err());
    }

    #[test]
    fn a_length_beyond_the_bytes_reserves_nothing() {
        assert!(Reader::new(&[0xdd, 0xff, 0xff, 0xff, 0xff]).array().is_err());
        assert!(Reader::new(&[0xbf, b'a']).text().is_err());
    }
}
