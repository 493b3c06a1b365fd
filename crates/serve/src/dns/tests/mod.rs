//! The listener beside a real `rbldnsd`, and beside answers recorded from one: over UDP and TCP,
//! section by section; switches; packets that are no queries; images that are swapped under load.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::big_endian_bytes,
    dead_code,
    unreachable_pub,
    reason = "tests may panic; they share modules with tests of the command; DNS is in network order"
)]

mod client;
mod packets;
#[path = "../../../../cli/tests/oracle/server.rs"]
mod peer;
mod random;
mod recorded;
#[path = "../../../../cli/tests/oracle/sources.rs"]
mod sources;
mod streams;
mod swaps;
mod switches;
