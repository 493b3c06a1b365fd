//! Warnings: lines that were skipped or bent, each with a class that scripts can rely on.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// One remark about one line of a source.
///
/// ```
/// use rblmap_zonefile::{Class, Options, build_text};
/// let spec = "ops.example:plain:list.txt".parse()?;
/// let built = build_text(&spec, "192.0.2.1\n192.0.2.999\n", &Options::default())?;
/// let warning = &built.warnings[0];
/// assert_eq!((warning.line, warning.class), (2, Class::BadAddress));
/// assert!(warning.to_string().starts_with("list.txt:2: not an address"));
/// # Ok::<(), rblmap_zonefile::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The source.
    pub file: Arc<Path>,
    /// The line, from 1; 0 for the whole file.
    pub line: u64,
    /// What kind of remark.
    pub class: Class,
    /// The part of the line that it is about, and more that is to be said of it.
    pub detail: Option<Box<str>>,
}

impl Warning {
    pub(crate) fn new(file: Arc<Path>, line: u64, class: Class) -> Warning {
        Warning {
            file,
            line,
            class,
            detail: None,
        }
    }

    /// What is wrong, and what became of the line.
    pub fn message(&self) -> &'static str {
        self.class.message()
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = (self.file.display(), self.line);
        write!(f, "{file}:{line}: {}", self.message())?;
        match &self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// A remark about a line of a piece of a source; the walk over the pieces gives it its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) line: u32,
    pub(crate) class: Class,
    pub(crate) detail: Option<Box<str>>,
}

/// So many remarks of one class show what they are about; more would be a second copy of a bad
/// source, and nobody reads them.
pub(crate) const EXCERPTS: usize = 10;
/// The longest part of a line that a remark shows.
const EXCERPT_BYTES: usize = 80;

/// A part of a line as it may stand on a terminal, and what became of it.
pub(crate) fn excerpt(what: &[u8], then: &str) -> Box<str> {
    let mut shown = String::new();
    for &byte in what.iter().take(EXCERPT_BYTES) {
        match byte {
            b' '..=b'[' | b']'..=b'~' => shown.push(byte.into()),
            byte => shown.push_str(&format!("\\x{byte:02x}")),
        }
    }
    if what.len() > EXCERPT_BYTES {
        shown.push_str("...");
    }
    if !then.is_empty() {
        if !shown.is_empty() {
            shown.push_str("; ");
        }
        shown.push_str(then);
    }
    shown.into()
}

macro_rules! classes {
    ($($name:ident $text:literal $ours:literal $message:literal;)*) => {
        /// The kinds of warnings; `docs/zonefile.md` tells what each means.
        ///
        /// See the example of [`Warning`].
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Class {
            $(#[doc = concat!("`", $text, "`: ", $message, ".")] $name,)*
        }

        impl Class {
            /// Every class there is.
            pub const ALL: &[Class] = &[$(Class::$name),*];

            /// The word for scripts, as in the TSV of warnings.
            pub fn as_str(self) -> &'static str {
                match self { $(Class::$name => $text,)* }
            }

            /// Whether only we say so: rbldnsd takes the line without a word.
            pub fn is_ours(self) -> bool {
                match self { $(Class::$name => $ours,)* }
            }

            /// What is wrong, and what becomes of the line.
            pub fn message(self) -> &'static str {
                match self { $(Class::$name => $message,)* }
            }
        }
    };
}

classes! {
    BadAddress "bad-address" false "not an address as this type takes them; line skipped";
    BadLength "bad-length" false "an address of another length than this type takes; line skipped";
    BadName "bad-name" false "not a domain name; line skipped";
    BadEntry "bad-entry" false "not a record as this type takes them; line skipped";
    HostBits "host-bits" false "bits set behind the prefix length; line skipped";
    TooLarge "too-large" false "more addresses than $MAXRANGE4 lets in; line skipped";
    BadA "bad-a" false "not an A record after the key; line skipped";
    BadValue "bad-value" false "something else after the A record; line skipped";
    Duplicate "duplicate" false "the same network again; the first one stays";
    MaxrangeUp "maxrange-up" false "$MAXRANGE4 can only shrink; line skipped";
    BadSpecial "bad-special" false "unknown or malformed directive; line skipped";
    NoSubzone "no-subzone" false "$DATASET without a subzone: nobody can ask for its entries";
    TxtCut "txt-cut" false "text of more than 255 bytes; cut there";
    LongLine "long-line" false "line longer than the buffer of rbldnsd, or without a newline";
    NoNewline "no-newline" false "last line without a newline";
    Future "future" false "$TIMESTAMP is later than now";
    NoDataset "no-dataset" false "an entry before the first $DATASET";
    UnknownType "unknown-type" false "unknown dataset type";
    NestedType "nested-type" false "a dataset type that cannot be inside combined";
    Compressed "compressed" false "compressed, and compressed files are refused";
    ReadError "read-error" false "damaged gzip stream";
    BadTtl "bad-ttl" true "a malformed TTL, for which rbldnsd refuses the file";
    BadMx "bad-mx" true "a malformed MX record, for which rbldnsd refuses the file, or one whose name takes over 253 bytes";
    Crlf "crlf" true "line ends in CR LF: the CR is a part of the line for rbldnsd, and so it is here";
    CommentInValue "comment-in-value" true "the comment is taken as a part of the value";
    GzipTrailing "gzip-trailing" true "bytes after the first gzip member; not read";
    Unread "unread" true "what the line says beyond the key is not understood";
    Unreachable "unreachable" true "nobody can ask for it: a subzone, or IPv4 data, answers alone; dropped";
    OddAddress "odd-address" true "the address ends before the text does; the rest is taken as its value";
    SecondVariable "second-variable" true "the variable has a value already, and the first one counts";
    Expired "expired" true "the data is expired; it builds, but every lookup will say so";
    BadCount "bad-count" true "no number to compare with --min-count; line skipped";
    BadJson "bad-json" true "not a JSON object with one of the fields asked for; skipped";
    TestPointMissing "test-point-missing" true "a test point of RFC 5782 is not listed (127.0.0.2, ::ffff:127.0.0.2, test)";
    TestPointListed "test-point-listed" true "what RFC 5782 wants unlisted is listed (127.0.0.1, ::ffff:127.0.0.1, invalid)";
    Reserved "reserved" true "private or reserved addresses are listed";
    Wide "wide" true "wider than the limit for a network";
    Shadowed "shadowed" true "says what another entry says anyway";
    IdleExclusion "idle-exclusion" true "the exclusion takes nothing out";
    NoKey "no-key" true "the text does not say what is listed: no $ in it";
    ControlBytes "control-bytes" true "control bytes in a text; dropped";
    BadText "bad-text" true "the text of the record is no string; the entry has none";
    Empty "empty" true "nothing in this source is an entry";
    IdleOption "idle-option" true "the option has no effect: no source reads it";
    Parameters "parameters" true "parameters of an entry: ts and delay are applied now, key=require never lists, all else is ignored";
    OddName "odd-name" true "no host can have this name";
    Glued "glued" true "the name begins with a whole address: are two lines glued together?";
    HostsLine "hosts-line" true "looks like a line of a hosts file, of which only the address is read";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_names_file_and_line() {
        let class = Class::BadAddress;
        let warning = Warning {
            file: Path::new("lists/a.zone").into(),
            line: 7,
            class,
            detail: Some(excerpt(b"1.2.3\xff", "")),
        };
        assert_eq!(
            warning.to_string(),
            "lists/a.zone:7: not an address as this type takes them; line skipped: 1.2.3\\xff"
        );
        let mut words: Vec<&str> = Class::ALL.iter().map(|class| class.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Class::ALL.len());
    }
}
