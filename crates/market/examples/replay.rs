//! Applies frames from a file and says how fast: `make bench` hands every engine the same messages.
//! The file holds the number of frames that prepare the market, then frames, each behind its length (32 bits, little
//! endian). Prints `name value unit` lines; the preparing frames are not timed. Blocks of 64 give the percentiles.
//!
//! `cargo run --release -p market --example replay FILE`
#![allow(clippy::disallowed_types, reason = "a benchmark needs a clock and a file")]
#![allow(clippy::disallowed_methods, reason = "a benchmark needs a clock and a file")]
#![allow(clippy::print_stdout, reason = "figures are for people")]

use market::Market;
use std::time::{Duration, Instant};

const BLOCK: usize = 64;

fn length(data: &[u8]) -> usize {
    let bytes = data.first_chunk::<4>().expect("four bytes of length");
    usize::try_from(u32::from_le_bytes(*bytes)).expect("a length")
}

fn frames(mut data: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    while !data.is_empty() {
        let (frame, rest) = data[4..].split_at(length(data));
        found.push(frame);
        data = rest;
    }
    found
}

fn main() {
    let path = std::env::args().nth(1).expect("a file of frames");
    let data = std::fs::read(path).expect("a file that can be read");
    let all = frames(&data[4..]);
    let (before, timed) = all.split_at(length(&data));
    let mut market = Market::new();
    for frame in before {
        market.apply(frame).expect("a frame");
    }
    let mut bytes = 0;
    let mut blocks = Vec::with_capacity(timed.len() / BLOCK + 1);
    let started = Instant::now();
    for block in timed.chunks(BLOCK) {
        let began = Instant::now();
        for frame in block {
            bytes += market.apply(frame).expect("a frame").len();
        }
        blocks.push(began.elapsed());
    }
    let elapsed = started.elapsed();
    blocks.sort_unstable();
    let per_command = |block: Duration| block.as_nanos() / BLOCK as u128;
    let rate = timed.len() as u128 * 1_000_000_000 / elapsed.as_nanos().max(1);
    println!("commands_per_second {rate} commands/s");
    println!("p50 {} ns", per_command(blocks[blocks.len() / 2]));
    println!("p99 {} ns", per_command(blocks[blocks.len() * 99 / 100]));
    println!("open_orders {} orders", market.open_orders());
    println!("event_bytes {bytes} bytes");
}
