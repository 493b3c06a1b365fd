//! The `rblmap` command.
fn main() {}
