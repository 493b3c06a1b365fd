//! The server as a process: every protocol answers what the policy decides, and nothing that a peer
//! sends stops it.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    reason = "a test may panic, and say what it measured"
)]

mod answers;
mod asking;
mod filter;
mod hostile;
mod running;
mod world;

use std::path::PathBuf;

/// Not a test: the process that the tests talk to. It is this program again, told by its
/// environment what to be.
#[test]
fn child() {
    let Some(config) = std::env::var_os("RBLMAP_SERVE_CONFIG") else {
        return;
    };
    let config = PathBuf::from(config);
    let done = match std::env::var_os("RBLMAP_SERVE_FILTER") {
        Some(_) => rblmap_serve::filter_opensmtpd(&config),
        None => rblmap_serve::serve(&rblmap_serve::Options {
            config,
            allow_root: true,
        }),
    };
    match done {
        Ok(()) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(3);
        }
    }
}
