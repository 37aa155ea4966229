//! Texts to dense handles and back. The look-up tables are hash tables of our own or with a hasher of our own, without a
//! seed; nobody ever iterates them: what has to come out in an order is sorted by its text when it is needed.

use crate::units::{Handle, NONE};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher};

/// A hasher without a seed: multiply, fold the high half into the low one. Handles and short ids are what it gets.
#[derive(Clone, Copy, Default)]
pub(crate) struct Fixed;

pub(crate) struct FixedHasher(u64);

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

impl BuildHasher for Fixed {
    type Hasher = FixedHasher;

    fn build_hasher(&self) -> FixedHasher {
        FixedHasher(0x243f_6a88_85a3_08d3)
    }
}

impl FixedHasher {
    #[inline]
    fn mix(&mut self, word: u64) {
        let product = u128::from(self.0 ^ word) * u128::from(MULTIPLIER);
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = product.to_le_bytes();
        self.0 = u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ u64::from_le_bytes([i, j, k, l, m, n, o, p]);
    }
}

impl Hasher for FixedHasher {
    /// Keys are handles; anything else is taken byte by byte.
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.mix(u64::from(*byte));
        }
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) type Table<K> = HashMap<K, Handle, Fixed>;

/// A text as numbers. Up to 16 bytes they say everything, so that equal keys are equal texts; beyond, the first and last
/// eight bytes and the length.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    first: u64,
    last: u64,
    length: u32,
}

const KEY_SAYS_ALL: u32 = 16;

impl Key {
    #[inline(always)]
    fn of(text: &[u8]) -> Key {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            return Key { first: u64::from_le_bytes(*first), last: u64::from_le_bytes(*last), length };
        }
        if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            let [first, last] = [first, last].map(|part| u64::from(u32::from_le_bytes(*part)));
            return Key { first, last, length };
        }
        Key { first: text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), last: 0, length }
    }

    #[inline(always)]
    fn hash(self) -> u64 {
        let mut hasher = Fixed.build_hasher();
        hasher.mix(self.first);
        hasher.mix(self.last ^ u64::from(self.length) << 56);
        hasher.finish()
    }
}

#[derive(Clone, Copy)]
struct Slot {
    key: Key,
    /// `NONE` where the slot is free.
    handle: Handle,
}

const FREE: Slot = Slot { key: Key { first: 0, last: 0, length: 0 }, handle: NONE };

/// Each text once, with a handle in the order of appearance. The table is open, at most half full, and probed one slot
/// after the other; a short text is found with a single access to memory.
#[derive(Default)]
pub(crate) struct Names {
    slots: Vec<Slot>,
    texts: Vec<Box<str>>,
}

impl Names {
    #[inline]
    pub(crate) fn find(&self, text: &str) -> Option<Handle> {
        self.find_bytes(text.as_bytes())
    }

    /// The handle of the text with these bytes; bytes that are no text are never found.
    #[inline]
    pub(crate) fn find_bytes(&self, text: &[u8]) -> Option<Handle> {
        let key = Key::of(text);
        let mut at = self.place(key)?;
        loop {
            let slot = &self.slots[at];
            if slot.handle == NONE {
                return None;
            }
            if slot.key == key && (key.length <= KEY_SAYS_ALL || self.text(slot.handle).as_bytes() == text) {
                return Some(slot.handle);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Where the search for a key begins; nowhere in an empty table.
    #[inline(always)]
    fn place(&self, key: Key) -> Option<usize> {
        let mask = self.slots.len().checked_sub(1)? as u64;
        usize::try_from(key.hash() & mask).ok()
    }

    /// The handle of this text, a new one if it has none.
    pub(crate) fn enter(&mut self, text: &str) -> Handle {
        if let Some(handle) = self.find(text) {
            return handle;
        }
        let handle = Handle::try_from(self.texts.len()).expect("fewer than 2^32 names");
        assert!(handle != NONE, "fewer than 2^32 - 1 names");
        self.texts.push(text.into());
        if self.slots.len() < 2 * self.texts.len() {
            self.grow();
        } else {
            self.fill(handle);
        }
        handle
    }

    fn fill(&mut self, handle: Handle) {
        let key = Key::of(self.text(handle).as_bytes());
        let mut at = self.place(key).expect("the table has room");
        while self.slots[at].handle != NONE {
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = Slot { key, handle };
    }

    fn grow(&mut self) {
        let length = (4 * self.texts.len()).next_power_of_two();
        self.slots = vec![FREE; length];
        for handle in 0..Handle::try_from(self.texts.len()).expect("fewer than 2^32 names") {
            self.fill(handle);
        }
    }

    #[inline]
    pub(crate) fn text(&self, handle: Handle) -> &str {
        &self.texts[handle as usize]
    }

    /// The text, or nothing for `NONE`.
    #[inline]
    pub(crate) fn optional(&self, handle: Handle) -> Option<&str> {
        (handle != NONE).then(|| self.text(handle))
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// All handles, ascending by their text's bytes.
    pub(crate) fn sorted(&self) -> Vec<Handle> {
        let count = Handle::try_from(self.texts.len()).expect("fewer than 2^32 names");
        let mut handles: Vec<Handle> = (0..count).collect();
        handles.sort_unstable_by(|a, b| self.text(*a).cmp(self.text(*b)));
        handles
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_every_length_are_told_apart() {
        let mut names = Names::default();
        let mut texts: Vec<String> = (1..=40).map(|length| "x".repeat(length)).collect();
        texts.extend((1..=40).map(|length| format!("{}y", "x".repeat(length))));
        texts.extend((20..=40).map(|length| format!("{}z{}", "x".repeat(10), "x".repeat(length))));
        texts.extend((0..5_000).map(|number| format!("participant-{number}")));
        for (place, text) in (0..).zip(&texts) {
            assert_eq!((names.find(text), names.enter(text)), (None, place), "{text}");
        }
        for (place, text) in (0..).zip(&texts) {
            assert_eq!((names.find(text), names.enter(text)), (Some(place), place), "{text}");
            assert_eq!(names.text(place), text);
        }
        assert_eq!(names.sorted().len(), texts.len());
        assert!(names.find("").is_none() && names.find_bytes(b"x\0").is_none() && Names::default().find("x").is_none());
    }
}
