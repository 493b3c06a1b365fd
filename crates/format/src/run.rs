//! Runs: maximal ranges of addresses with one value.

use crate::name::NameKey;

/// Addresses from `start` to `end`, both included, that all have one value.
///
/// `A` is `u32` for IPv4 and `u128` for IPv6, in host order: 192.0.2.1 is `0xc000_0201`.
/// Ends are included so that the whole space (0/0, ::/0) has a run like any other.
///
/// ```
/// use rblmap_format::{Address, Run, ValueId};
/// let value = ValueId::from_rank(0).unwrap(); // the first value of an image, which stores it as 1
/// assert_eq!(value.get(), 1);
/// let run = Run { start: 0xc000_0200_u32, end: 0xc000_02ff, value };
/// assert_eq!(run.end.to_ip().to_string(), "192.0.2.255");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<A> {
    /// First address.
    pub start: A,
    /// Last address, not before `start`.
    pub end: A,
    /// What they say.
    pub value: ValueId,
}

impl<A: Copy + Ord> Run<A> {
    /// What is left of the run from an address on.
    pub(crate) fn from(self, first: A) -> Option<Run<A>> {
        let start = self.start.max(first);
        (start <= self.end).then_some(Run { start, ..self })
    }
}

/// Names a value among those of one image or content: 1 for the first in byte order.
///
/// Ids mean nothing outside the image or content they come from.
///
/// See the example of [`Run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(std::num::NonZeroU32);

impl ValueId {
    /// The id of the `rank`-th value, counted from 0; `None` for `u32::MAX`.
    pub fn from_rank(rank: u32) -> Option<ValueId> {
        std::num::NonZeroU32::new(rank.checked_add(1)?).map(ValueId)
    }

    pub(crate) const FIRST: ValueId = ValueId(std::num::NonZeroU32::MIN);

    /// Takes an id as images store it; `None` for 0, which stands for no value.
    pub fn new(id: u32) -> Option<ValueId> {
        std::num::NonZeroU32::new(id).map(ValueId)
    }

    /// The id as images store it, from 1.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// Position in the list of values, from 0.
    pub fn rank(self) -> u32 {
        self.0.get() - 1
    }
}

/// A name rule: what a name is listed with, or what the names below it are listed with.
///
/// See the example of [`SortedNames`](crate::names::sorted::SortedNames).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NameRule {
    /// The name has no rule of its own: the rule of the longest name above it holds.
    #[default]
    Inherit,
    /// Not listed, whatever the rules of names above say.
    Nothing,
    /// This value.
    Value(ValueId),
}

impl NameRule {
    /// The rule as images store it: 0 inherit, 1 nothing, else the value's id and one.
    pub fn code(self) -> u32 {
        match self {
            NameRule::Inherit => 0,
            NameRule::Nothing => 1,
            NameRule::Value(id) => id.get().saturating_add(1),
        }
    }

    /// Reads what [`NameRule::code`] wrote.
    pub fn from_code(code: u32) -> NameRule {
        match code {
            0 => NameRule::Inherit,
            1 => NameRule::Nothing,
            more => ValueId::new(more - 1).map_or(NameRule::Inherit, NameRule::Value),
        }
    }

    /// The value, if this is one.
    pub fn value(self) -> Option<ValueId> {
        match self {
            NameRule::Value(id) => Some(id),
            NameRule::Inherit | NameRule::Nothing => None,
        }
    }
}

/// A name that has a rule for itself or for the names below it.
///
/// See the example of [`SortedNames`](crate::names::sorted::SortedNames).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamePoint<'a> {
    /// The name, as [`crate::NameKey::as_bytes`] gives it.
    pub key: &'a [u8],
    /// What the name itself is listed with.
    pub exact: NameRule,
    /// What the names below are listed with, at any depth.
    pub below: NameRule,
}

/// What a list says of one name: the rule for the name itself, and that for the names below it.
///
/// ```
/// use rblmap_format::{NameKey, NameRule, NameRules, ValueId};
///
/// let said = |NameRules { key, exact, below }| match (exact, below) {
///     (NameRule::Value(id), _) => format!("{key} is listed with value {}", id.get()),
///     (_, NameRule::Value(id)) => format!("what is below {key} has value {}", id.get()),
///     _ => format!("{key} is an exception"),
/// };
/// let listed = ValueId::from_rank(0).map_or(NameRule::Inherit, NameRule::Value);
/// let key = NameKey::parse(b"bad.example")?;
/// let rules = NameRules { key, exact: NameRule::Inherit, below: listed };
/// assert_eq!(said(rules), "what is below bad.example has value 1");
/// # Ok::<(), rblmap_format::NameError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NameRules {
    /// The name.
    pub key: NameKey,
    /// What the name itself is listed with.
    pub exact: NameRule,
    /// What the names below are listed with, at any depth.
    pub below: NameRule,
}

/// What a name says: of itself, and of the names below it.
pub(crate) type RulePair = (NameRule, NameRule);
