//! `plain`: lists as people have them, one key a line, with or without more behind it.

use std::borrow::Cow;

use super::words::{bare, split_at_mark, text_value};
use super::{add, verdict, without_comment};
use crate::key::{self, Key, KeyRules, is_label, v4_address, v6_address};
use crate::line::{trim, word};
use crate::piece::{Piece, Said};
use crate::spec::Options;
use crate::warning::Class;

/// Reads a line.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let whole = trim(bare(line));
    let body = without_comment(whole);
    if body.is_empty() {
        return Ok(());
    }
    let (text, _) = word(body);
    let rules = KeyRules::of(options);
    let (text, key, rest) = match key::parse(text, &rules) {
        Ok(key) => (text, key, Rest::of(whole, body, options)),
        // The mark of a text may stand right behind the key.
        Err(class) => {
            let mark = options
                .reading
                .plain
                .text_after
                .as_deref()
                .unwrap_or_default();
            let (text, _) = split_at_mark(text, mark);
            let key = key::parse(text, &rules).map_err(|_| class)?;
            let (said, marked) = (&b""[..], split_at_mark(whole, mark).1);
            (text, key, Rest { said, marked })
        }
    };
    if rest.said.starts_with(b"-") {
        // Half of a range with spaces in it; listing one end would be wrong.
        return Err(Class::BadAddress);
    }
    if rest.said.starts_with(b":") {
        let value = piece.value(rest.said)?;
        add(piece, key, value);
        return Ok(());
    }
    let behind = (rest.said, rest.marked);
    if let Some(value) = value_behind(piece, text, behind, &key.0, options)? {
        add(piece, key, value);
    }
    Ok(())
}

/// The value of an entry by what stands behind its key, and behind the mark of texts; none if the
/// line is no listing, which is told.
pub(super) fn value_behind<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    (said, marked): (&'t [u8], Option<&'t [u8]>),
    key: &Key,
    options: &Options,
) -> Result<Option<Said>, Class> {
    let Some(said) = counted(piece, said, options)? else {
        return Ok(None);
    };
    Ok(Rest { said, marked }.value(piece, text, key, options))
}

/// What follows the mark of texts in a line.
pub(super) fn marked<'t>(line: &'t [u8], options: &Options) -> Option<&'t [u8]> {
    split_at_mark(line, options.reading.plain.text_after.as_deref()?).1
}

/// Checks the count behind a key; what is left of the line, none if the count is too low.
fn counted<'t>(
    piece: &mut Piece<'_>,
    rest: &'t [u8],
    options: &Options,
) -> Result<Option<&'t [u8]>, Class> {
    let Some(least) = options.reading.plain.min_count else {
        return Ok(Some(rest));
    };
    let (number, after) = word(rest);
    let number: Option<u64> = std::str::from_utf8(number)
        .ok()
        .and_then(|number| number.parse().ok());
    let number = number.ok_or(Class::BadCount)?;
    piece.tally.texts += 1;
    // With --text the count is a part of what is said.
    let left = if options.reading.plain.text {
        rest
    } else {
        after
    };
    Ok((number >= least).then_some(left))
}

/// What a line says beyond its key.
struct Rest<'t> {
    said: &'t [u8],
    /// What follows the mark that texts begin with.
    marked: Option<&'t [u8]>,
}

impl<'t> Rest<'t> {
    /// Takes a line apart; `body` is the line without its comment.
    fn of(whole: &'t [u8], body: &'t [u8], options: &Options) -> Rest<'t> {
        let (_, said) = word(body);
        // Once the text of a value has begun, comment marks are a part of it.
        let has_text = said
            .strip_prefix(b":")
            .is_some_and(|said| said.contains(&b':'));
        let (_, raw) = word(whole);
        if has_text {
            let (said, marked) = (raw, None);
            return Rest { said, marked };
        }
        let Some(mark) = &options.reading.plain.text_after else {
            return Rest { said, marked: None };
        };
        let (before, marked) = split_at_mark(raw, mark);
        Rest {
            said: without_comment(before),
            marked,
        }
    }

    /// The value of the entry; none if the line is no listing, which is told.
    fn value(
        &self,
        piece: &mut Piece<'t>,
        text: &'t [u8],
        key: &Key,
        options: &Options,
    ) -> Option<Said> {
        if let Some(why) = self.is_no_listing(text, key, options) {
            piece.note_about(Class::Unread, &join(text, self.said), why);
            return None;
        }
        let (first, after) = word(self.said);
        let a = v4_address(first).filter(|a| a >> 24 == 127);
        let said = if a.is_some() { after } else { self.said };
        if options.reading.plain.text && self.marked.is_none() {
            return Some(text_value(piece, a, Cow::Borrowed(said), options));
        }
        if !said.is_empty() {
            piece.note_about(Class::Unread, &join(text, self.said), "the key is listed");
        }
        let marked = self.marked.unwrap_or_default();
        Some(text_value(piece, a, Cow::Borrowed(marked), options))
    }

    /// Why what follows the key makes the line no listing.
    fn is_no_listing(&self, text: &[u8], key: &Key, options: &Options) -> Option<&'static str> {
        let (first, after) = word(self.said);
        if first.is_empty() {
            return None;
        }
        // As a text, a verdict is one only where it stands alone.
        let is_verdict = if options.reading.plain.text {
            after.is_empty() && verdict::is_pass(first)
        } else {
            verdict::lets_in(text, self.said)
        };
        if is_verdict {
            return Some("this lets it in, so it is not listed");
        }
        let dotted = first.contains(&b'.') || first.eq_ignore_ascii_case(b"localhost");
        let is_name = if options.reading.plain.text {
            after.is_empty() && dotted && is_host(first)
        } else {
            is_host(first)
        };
        (is_sinkhole(key) && is_name).then_some("a line of a hosts file (type hosts); not listed")
    }
}

/// Whether a key is an address that hosts files give to names which they block.
fn is_sinkhole(key: &Key) -> bool {
    match key.clone().unmapped() {
        Key::V4(range) => {
            range.start == range.end && (range.start == 0 || range.start >> 24 == 127)
        }
        Key::V6 { start, end } => start == end && start <= 1,
        Key::Name(..) => false,
    }
}

/// Whether a word can be what a hosts file has behind an address: a name, or the sinkhole again.
fn is_host(word: &[u8]) -> bool {
    let loopback = v4_address(word).is_some_and(|a| a >> 24 == 127);
    let address = v4_address(word).is_some() || v6_address(word).is_some();
    let name = word.strip_suffix(b".").unwrap_or(word);
    !loopback && (address || !word.is_ascii() || name.split(|&b| b == b'.').all(is_label))
}

/// The key and what follows it, as they stand in the line.
fn join(key: &[u8], rest: &[u8]) -> Vec<u8> {
    if key.ends_with(rest) {
        return key.to_vec();
    }
    [key, b" ", rest].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dataset_type::DatasetType;
    use crate::reading;

    fn notes(text: &str) -> (usize, Vec<Class>) {
        let options = Options::default();
        let piece = reading::read(
            text.as_bytes(),
            &crate::dataset::Rules::of(DatasetType::Plain, &options),
        );
        (
            piece.entries(),
            piece.notes.iter().map(|note| note.class).collect(),
        )
    }

    #[test]
    fn what_is_not_understood_is_told() {
        assert_eq!(
            notes("1.2.3.4\n1.2.3.5 # x\n1.2.3.6 127.0.0.9\n"),
            (3, vec![])
        );
        for (line, entries) in [
            ("1.2.3.4 since May", 1),
            ("1.2.3.4\t1.2.3.255\t24", 1),
            ("1.2.3.4 127.0.0.3 x", 1),
            ("1.2.3.4 REJECT spam", 1),
            ("1.2.3.4 OK", 0),
            ("1.2.3.4 dunno", 0),
            ("a.example CNAME rpz-passthru.", 0),
            ("a.example IN CNAME rpz-passthru.", 0),
            ("a.example CNAME a.example.", 0),
            ("a.example CNAME .", 1),
            ("0.0.0.0 a.example", 0),
            ("127.0.0.1\tlocalhost", 0),
            ("::1 localhost", 0),
            ("0.0.0.0 0.0.0.0", 0),
        ] {
            let said = notes(&format!("{line}\n"));
            assert_eq!(said, (entries, vec![Class::Unread]), "{line}");
        }
    }

    #[test]
    fn a_cut_network_is_not_used() {
        assert_eq!(notes("1.2.3.4"), (1, vec![Class::NoNewline]));
        assert_eq!(notes("a.example"), (1, vec![Class::NoNewline]));
        assert_eq!(
            notes("1.2.3.0/2"),
            (0, vec![Class::HostBits, Class::NoNewline])
        );
        assert_eq!(notes("128.0.0.0/2"), (0, vec![Class::NoNewline]));
        assert_eq!(notes("1.2.3.4-1.2.3.9"), (0, vec![Class::NoNewline]));
        assert_eq!(notes("1.2.3.4\n# x"), (1, vec![]));
    }
}
