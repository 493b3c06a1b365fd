//! The dataset types: what an entry line says. One file each; what entries together mean is for
//! `resolve`.

mod dnset;
mod generic;
mod ip4set;
mod ip4trie;
mod ip4tset;
mod ip6trie;
mod ip6tset;
mod parameters;

use crate::dataset_type::DatasetType;
use crate::line::trim_start;
use crate::list::json::Paths;
use crate::piece::{Piece, Said, What};
use crate::spec::Options;
use crate::value;
use crate::warning::Class;

/// What is taken of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The records that it answers with.
    Records,
    /// For how long they live, see `ttls`: in the place of each record stands one whose A is a TTL
    /// and whose text says what the TTL is of.
    Ttls,
}

/// How the lines of a dataset are read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rules<'o> {
    pub(crate) kind: DatasetType,
    pub(crate) options: &'o Options,
    /// Where JSON has its keys.
    pub(crate) paths: &'o Paths,
    /// Whether entries may stand here: not before the first `$DATASET` of a combined file.
    pub(crate) entries: bool,
    pub(crate) taken: Taken,
}

impl<'o> Rules<'o> {
    /// The rules for a source without paths.
    pub(crate) fn of(kind: DatasetType, options: &'o Options) -> Rules<'o> {
        Rules {
            kind,
            options,
            paths: Paths::NONE,
            entries: true,
            taken: Taken::Records,
        }
    }

    /// Whether a directive may change what later entries are read as: records of `generic` have the
    /// TTL that holds where they stand.
    pub(crate) fn directives_are_defaults(&self) -> bool {
        self.taken == Taken::Ttls && self.kind == DatasetType::Generic
    }

    /// Whether a line that is a bare IPv4 address is an entry with the default value.
    pub(crate) fn takes_bare_lines(&self) -> bool {
        let list = matches!(self.kind, DatasetType::Plain | DatasetType::Ranges);
        let counts = self.options.reading.plain.min_count.is_some();
        self.entries && (self.kind.is_v4() || list && !counts)
    }
}

/// Reads an entry or a default line of a type of rbldnsd.
pub(crate) fn entry<'t>(
    piece: &mut Piece<'t>,
    text: &'t [u8],
    rules: &Rules<'_>,
) -> Result<(), Class> {
    if !rules.entries {
        piece.event(What::Refuse(Class::NoDataset));
        return Ok(());
    }
    if is_default(text, rules.kind) {
        default_line(piece, text);
        return Ok(());
    }
    match rules.kind {
        DatasetType::Ip4set => ip4set::entry(piece, text, rules),
        DatasetType::Ip4trie => ip4trie::entry(piece, text, rules),
        DatasetType::Ip4tset => ip4tset::entry(piece, text),
        DatasetType::Ip6trie => ip6trie::entry(piece, text, rules),
        DatasetType::Ip6tset => ip6tset::entry(piece, text),
        DatasetType::Dnset => dnset::entry(piece, text, Tail::Value, usize::MAX),
        DatasetType::Dnhash => {
            let now = rules.options.now;
            dnset::entry(piece, text, Tail::Parameters { now }, dnset::DNHASH_LABELS)
        }
        DatasetType::Generic => generic::entry(piece, text, rules.taken),
        // Entries of combined belong to the dataset inside, and lists have a way of their own.
        DatasetType::Combined
        | DatasetType::Plain
        | DatasetType::PlainJson
        | DatasetType::Hosts
        | DatasetType::Csv
        | DatasetType::Json
        | DatasetType::Ranges
        | DatasetType::Adblock
        | DatasetType::Dnsmasq
        | DatasetType::Rpz
        | DatasetType::Postfix
        | DatasetType::Tor
        | DatasetType::Rir
        | DatasetType::Ipset
        | DatasetType::Nft
        | DatasetType::Auto => Ok(()),
    }
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy)]
enum Tail {
    /// A value.
    Value,
    /// A value, and the parameters of rspamd's rbldnsd, which are compared with the time.
    Parameters { now: u64 },
}

fn is_default(text: &[u8], kind: DatasetType) -> bool {
    match (kind, text) {
        (DatasetType::Generic, _) => false,
        (DatasetType::Ip6trie, [b':', b':', ..]) => false,
        (_, [b':', ..]) => true,
        _ => false,
    }
}

fn default_line<'t>(piece: &mut Piece<'t>, text: &'t [u8]) {
    match value::parse(text) {
        Ok((stated, cut)) => {
            piece.event(What::Default(stated, cut));
            piece.values.next_default();
        }
        Err(class) => piece.event(What::BadDefault(class)),
    }
}

/// Takes the `!` of an exclusion off.
fn exclusion(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'!', rest @ ..] => (true, trim_start(rest)),
        _ => (false, text),
    }
}

/// The value of an entry: none for an exclusion, whatever follows it.
fn value_of<'t>(
    piece: &mut Piece<'t>,
    excluded: bool,
    rest: &'t [u8],
    tail: Tail,
) -> Result<Said, Class> {
    if excluded {
        return Ok(Said::Excluded);
    }
    if let Tail::Parameters { now } = tail
        && let Some((rest, parameters)) = parameters::split(rest)
    {
        piece.note_about(Class::Parameters, parameters, "");
        if parameters::hold_back(parameters, now) {
            return Ok(Said::HeldBack);
        }
        return piece.value(rest);
    }
    piece.value(rest)
}

/// Notes a value that the type does not read.
fn note_unread(piece: &mut Piece<'_>, rest: &[u8]) {
    if !matches!(trim_start(rest), [] | [b'#' | b';', ..]) {
        piece.note(Class::Unread);
    }
}
