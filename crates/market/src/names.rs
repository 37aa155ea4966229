//! Texts to dense handles and back. The look-up tables are hash tables with a hasher of our own that has no seed; nobody
//! ever iterates them: what has to come out in an order is sorted by its text when it is needed.

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
        self.0 = u64::from_le_bytes([a, b, c, d, e, f, g, h])
            ^ u64::from_le_bytes([i, j, k, l, m, n, o, p]);
    }
}

impl Hasher for FixedHasher {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let words = bytes.chunks_exact(8);
        // The length tells "a" from "a\0" without a second round.
        let last = words
            .remainder()
            .iter()
            .fold(bytes.len() as u64, |word, byte| {
                word << 8 | u64::from(*byte)
            });
        for word in words {
            self.mix(u64::from_le_bytes(
                word.try_into().expect("a chunk of eight bytes"),
            ));
        }
        self.mix(last);
    }

    #[inline]
    fn write_u8(&mut self, _terminator: u8) {
        // The end mark of a text: its length has been mixed in already.
    }

    #[inline]
    fn write_u32(&mut self, word: u32) {
        self.mix(u64::from(word));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.mix(word);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

pub(crate) type Table<K> = HashMap<K, Handle, Fixed>;

/// Each text once, with a handle in the order of appearance.
#[derive(Default)]
pub(crate) struct Names {
    index: Table<Box<str>>,
    texts: Vec<Box<str>>,
}

impl Names {
    #[inline]
    pub(crate) fn find(&self, text: &str) -> Option<Handle> {
        self.index.get(text).copied()
    }

    /// The handle of this text, a new one if it has none.
    pub(crate) fn enter(&mut self, text: &str) -> Handle {
        if let Some(handle) = self.find(text) {
            return handle;
        }
        let handle = Handle::try_from(self.texts.len()).expect("fewer than 2^32 names");
        assert!(handle != NONE, "fewer than 2^32 - 1 names");
        self.texts.push(text.into());
        self.index.insert(text.into(), handle);
        handle
    }

    #[inline]
    pub(crate) fn text(&self, handle: Handle) -> &str {
        &self.texts[handle as usize]
    }

    /// The text, or nothing for `NONE`.
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
