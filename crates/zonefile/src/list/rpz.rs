//! `rpz`: response policy zones, in the master format of name servers (RFC 1035, section 5).

mod master;
mod owner;

use rayon::prelude::*;

use super::verdict::is_passthru;
use super::{Part, add};
use crate::key::{self, Dress, Key, KeyRules};
use crate::line::cut;
use crate::piece::{Piece, Said};
use crate::reading::cut_off;
use crate::spec::Options;
use crate::warning::Class;
use rblmap_content::NameScope;

use master::{Entry, Master};
use owner::{Owners, Trigger};

/// Records that a zone has for itself, or that signatures need: no policy.
const OF_THE_ZONE: [&[u8]; 9] = [
    b"SOA",
    b"NS",
    b"RRSIG",
    b"NSEC",
    b"NSEC3",
    b"NSEC3PARAM",
    b"DNSKEY",
    b"CDS",
    b"CDNSKEY",
];

/// Reads a zone. What its head says holds for the rest, which is read in parts at the same time.
pub(crate) fn read<'t>(text: &'t [u8], options: &Options) -> Vec<Part<'t>> {
    let texts = cut(text);
    let Some((head, rest)) = texts.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return Part::of_all(Zone::read(text, options, Owners::default()).piece);
    };
    let head = Zone::read(head, options, Owners::default());
    let rest: Vec<Zone<'t, '_>> = rest
        .par_iter()
        .map(|text| Zone::read(text, options, head.owners.clone()))
        .collect();
    // An entry in parentheses may go on in the next part.
    let goes_on = |zone: &Zone<'_, '_>| zone.piece.cut_line;
    let before_last = rest.split_last().map(|(_, before)| before);
    let is_torn = goes_on(&head) || before_last.is_some_and(|before| before.iter().any(goes_on));
    if is_torn || rest.iter().any(|zone| zone.reaches_far) {
        return Part::of_all(Zone::read(text, options, Owners::default()).piece);
    }
    let pieces = std::iter::once(head).chain(rest).map(|zone| zone.piece);
    pieces.flat_map(Part::of_all).collect()
}

struct Zone<'t, 'o> {
    piece: Piece<'t>,
    options: &'o Options,
    owners: Owners,
    /// Whether something here is about lines elsewhere: an origin, an apex, an owner of lines before.
    reaches_far: bool,
}

/// What a record does with its owner.
enum Action {
    List,
    LetIn,
    Unknown(&'static str),
}

impl<'t, 'o> Zone<'t, 'o> {
    fn read(text: &'t [u8], options: &'o Options, owners: Owners) -> Zone<'t, 'o> {
        let mut zone = Zone {
            piece: Piece::default(),
            options,
            owners,
            reaches_far: matches!(text, [b' ' | b'\t', ..]),
        };
        let mut master = Master::new(text);
        let mut words = Vec::new();
        while let Some(entry) = master.next(words) {
            zone.piece.at(entry.line, entry.text);
            zone.piece.cut_line = !entry.ended;
            let before = zone.piece.entries();
            if let Err(class) = zone.entry(&entry) {
                zone.piece.note(class);
            }
            if zone.piece.cut_line && !entry.words.is_empty() {
                cut_off(&mut zone.piece, before);
            }
            words = entry.words;
        }
        zone.piece.lines = master.lines();
        zone
    }

    fn entry(&mut self, entry: &Entry<'t>) -> Result<(), Class> {
        let Some((&first, rest)) = entry.words.split_first() else {
            return Ok(());
        };
        if first.starts_with(b"$") && !entry.inherits {
            return self.directive(first, rest);
        }
        let record = if entry.inherits {
            entry.words.as_slice()
        } else {
            self.owners.set(first);
            rest
        };
        let (kind, data) = kind_and_data(record).ok_or(Class::BadEntry)?;
        if kind.eq_ignore_ascii_case(b"SOA") {
            self.owners.found_apex();
            self.reaches_far = true;
        }
        if OF_THE_ZONE.iter().any(|own| kind.eq_ignore_ascii_case(own)) {
            return Ok(());
        }
        let owner = self.owners.relative().ok_or(Class::BadName)?;
        if owner.is_empty() {
            // Whatever stands at the apex is about the zone.
            return Ok(());
        }
        let piece = &mut self.piece;
        let key = match owner::trigger(owner) {
            Trigger::Name => named(owner, self.options)?,
            Trigger::Network(key) => key,
            Trigger::Malformed => return Err(Class::BadAddress),
            Trigger::Other => {
                let why = "a trigger that is not about the name or address asked for; not listed";
                piece.note_about(Class::Unread, owner, why);
                return Ok(());
            }
        };
        let said = match action(owner, kind, data) {
            Action::List => piece.default_value(),
            Action::LetIn => Said::Excluded,
            Action::Unknown(why) => {
                piece.note_about(Class::Unread, owner, why);
                Said::Excluded
            }
        };
        add(piece, (key, Dress::Bare), said);
        Ok(())
    }

    fn directive(&mut self, name: &[u8], rest: &[&[u8]]) -> Result<(), Class> {
        if name.eq_ignore_ascii_case(b"$TTL") {
            return Ok(());
        }
        let origin = rest
            .first()
            .filter(|_| name.eq_ignore_ascii_case(b"$ORIGIN"));
        let origin = origin.ok_or(Class::BadSpecial)?;
        self.owners.set_origin(origin);
        self.reaches_far = true;
        Ok(())
    }
}

/// The key of an owner that triggers on names.
fn named(owner: &[u8], options: &Options) -> Result<Key, Class> {
    let (scope, name) = match owner {
        [b'*', b'.', name @ ..] => (NameScope::Below, name),
        name => (NameScope::Exact, name),
    };
    let rules = KeyRules {
        names: scope,
        labels: 1,
        ..KeyRules::of(options)
    };
    match key::parse(name, &rules) {
        Ok((key @ Key::Name(..), Dress::Bare)) => Ok(key),
        _ => Err(Class::BadName),
    }
}

/// Passes over lifetime and class, in any order: the type and the data.
fn kind_and_data<'a, 't>(words: &'a [&'t [u8]]) -> Option<(&'t [u8], &'a [&'t [u8]])> {
    let mut rest = words;
    loop {
        let (&first, after) = rest.split_first()?;
        let is_class = [&b"IN"[..], b"CH", b"HS"]
            .iter()
            .any(|class| first.eq_ignore_ascii_case(class));
        if !is_class && !first.first().is_some_and(u8::is_ascii_digit) {
            return Some((first, after));
        }
        rest = after;
    }
}

fn action(owner: &[u8], kind: &[u8], data: &[&[u8]]) -> Action {
    if !kind.eq_ignore_ascii_case(b"CNAME") {
        // Data of its own is given instead of the real one.
        return Action::List;
    }
    let Some(&target) = data.first() else {
        return Action::Unknown("no target; not listed");
    };
    if is_passthru(owner, target) {
        return Action::LetIn;
    }
    if target.eq_ignore_ascii_case(b"rpz-tcp-only.") {
        return Action::Unknown("rpz-tcp-only refuses nobody; not listed");
    }
    Action::List
}

#[cfg(test)]
mod tests;
