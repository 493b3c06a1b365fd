//! What a lookup reads, byte by byte: for people who debug an image, not for programs.
//!
//! `rblmap info --bytes KEY` prints this. The lookups themselves are not traced: each layout has a
//! slow twin beside it that says which bytes decide, in words.

use crate::run::NameRule;

/// Some bytes of a section that have to do with a key, and what they mean.
///
/// ```
/// use rblmap_format::trace::Step;
///
/// let step = Step::new(21, 64..65, "kind 4, SHORT");
/// assert_eq!(step.bytes.len(), 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The kind of the section.
    pub kind: u16,
    /// Where the bytes lie, from the start of the section.
    pub bytes: std::ops::Range<usize>,
    /// What they mean.
    pub what: String,
}

impl Step {
    /// Bytes of a section and their meaning.
    pub fn new(kind: u16, bytes: std::ops::Range<usize>, what: impl Into<String>) -> Step {
        Step {
            kind,
            bytes,
            what: what.into(),
        }
    }
}

/// How a rule is shown.
pub(crate) fn rule(rule: NameRule) -> String {
    match rule {
        NameRule::Inherit => "as a name above says".to_owned(),
        NameRule::Nothing => "not listed".to_owned(),
        NameRule::Value(id) => value(id.get()),
    }
}

/// How an id is shown: 0 stands for no value.
pub(crate) fn value(id: u32) -> String {
    match id {
        0 => "no value".to_owned(),
        id => format!("value {id}"),
    }
}
