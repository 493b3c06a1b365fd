//! `dnsmasq`: the lines of its configuration that keep names from being resolved.

use super::add;
use super::words::{bare, without_hash_comment};
use crate::key::{self, Dress, Key, KeyRules, v4_address, v6_address};
use crate::line::trim;
use crate::piece::{Piece, Said};
use crate::spec::Options;
use crate::warning::Class;
use rblmap_content::NameScope;

/// Reads a line.
pub(super) fn line<'t>(
    piece: &mut Piece<'t>,
    line: &'t [u8],
    options: &Options,
) -> Result<(), Class> {
    let line = without_hash_comment(trim(bare(line)));
    if line.is_empty() {
        return Ok(());
    }
    let Some(rule) = Rule::of(line) else {
        piece.note_about(Class::Unread, line, "not listed");
        return Ok(());
    };
    let value = if rule.blocks {
        piece.default_value()
    } else {
        Said::Excluded
    };
    let rules = KeyRules {
        names: NameScope::Both,
        labels: 1,
        ..KeyRules::of(options)
    };
    for domain in rule.domains.split(|&byte| byte == b'/') {
        match key::parse(domain, &rules) {
            Ok(key @ (Key::Name(_, NameScope::Both), Dress::Bare)) => add(piece, key, value),
            // `#` is every name there is, and nothing the names without a dot.
            _ => piece.note_about(Class::BadName, line, ""),
        }
    }
    Ok(())
}

/// Whether names can be given this address: one of either kind, `#` for the zeros of both, or nothing.
fn is_address(target: &[u8]) -> bool {
    matches!(target, b"" | b"#") || v4_address(target).is_some() || v6_address(target).is_some()
}

/// What a line says of domains: `OPTION=/DOMAIN/DOMAIN/TARGET`.
struct Rule<'t> {
    domains: &'t [u8],
    blocks: bool,
}

impl<'t> Rule<'t> {
    fn of(line: &'t [u8]) -> Option<Rule<'t>> {
        let at = memchr::memchr(b'=', line)?;
        let (option, value) = line.split_at_checked(at)?;
        let option = trim(option);
        let option = option.strip_prefix(b"--").unwrap_or(option);
        let value = trim(value.get(1..)?).strip_prefix(b"/")?;
        let last = memchr::memrchr(b'/', value)?;
        let (domains, target) = value.split_at_checked(last)?;
        let no_target = target.len() == 1;
        let blocks = match option {
            b"address" if is_address(target.get(1..)?) => true,
            b"server" | b"local" => no_target,
            _ => return None,
        };
        Some(Rule { domains, blocks })
    }
}
