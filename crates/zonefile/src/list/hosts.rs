//! `hosts`: `ADDRESS NAME...`, where the address is a sinkhole and the names are what is blocked.

use std::borrow::Cow;

use super::add;
use super::words::{bare, split_at_mark, text_value, without_hash_comment};
use crate::key::{self, Dress, Key, KeyRules, v4_address, v6_address};
use crate::line::{trim, word};
use crate::piece::Piece;
use crate::spec::Options;
use crate::warning::Class;

/// Names that hosts files have for the machine itself: nobody means to block them.
const LOCAL: [&str; 15] = [
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost4.localdomain4",
    "localhost6",
    "localhost6.localdomain6",
    "local",
    "broadcasthost",
    "ip6-localhost",
    "ip6-loopback",
    "ip6-localnet",
    "ip6-mcastprefix",
    "ip6-allnodes",
    "ip6-allrouters",
    "ip6-allhosts",
];

/// Reads a line.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = trim(bare(line));
    let (before, text) = match &options.reading.plain.text_after {
        Some(mark) if !line.starts_with(b"#") => split_at_mark(line, mark),
        _ => (line, None),
    };
    let body = without_hash_comment(before);
    if body.is_empty() {
        return Ok(());
    }
    let (address, mut rest) = word(body);
    let sinkhole = is_sinkhole(address).ok_or(Class::BadAddress)?;
    if rest.is_empty() {
        return Err(Class::BadEntry);
    }
    let rules = KeyRules::of(options);
    let value = text_value(
        piece,
        None,
        Cow::Borrowed(text.unwrap_or_default()),
        options,
    );
    while !rest.is_empty() {
        let (name, after) = word(rest);
        rest = after;
        match is_sinkhole(name) {
            Some(true) => continue,
            Some(false) => {
                let why = "an address in place of a name; not listed";
                piece.note_about(Class::Unread, name, why);
                continue;
            }
            None if is_local(name) => continue,
            None => {}
        }
        if !sinkhole {
            piece.note_about(
                Class::Unread,
                name,
                "it has an address of its own; not listed",
            );
            continue;
        }
        match key::parse(name, &rules) {
            Ok(key @ (Key::Name(..), Dress::Bare)) => add(piece, key, value),
            _ => piece.note_about(Class::BadName, name, ""),
        }
    }
    Ok(())
}

/// Whether an address is one that stands for nowhere; none if the word is no address.
fn is_sinkhole(word: &[u8]) -> Option<bool> {
    if word == b"0" {
        return Some(true);
    }
    if let Some(address) = v4_address(word) {
        return Some(address == 0 || address >> 24 == 127);
    }
    // With the name of an interface behind it: fe80::1%lo0.
    let address = word.split(|&byte| byte == b'%').next().unwrap_or_default();
    v6_address(address)
        .map(|address| address <= 1 || address >> 32 == 0xffff && address << 96 >> 120 == 127)
}

fn is_local(name: &[u8]) -> bool {
    LOCAL
        .iter()
        .any(|local| name.eq_ignore_ascii_case(local.as_bytes()))
}
