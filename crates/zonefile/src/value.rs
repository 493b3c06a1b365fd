//! The value after a key: its grammar, and the distinct values of a piece of a source.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::net::Ipv4Addr;

use hashbrown::HashTable;
use rblmap_content::ValueList;
use rblmap_format::MAX_TEXT;

use crate::address4;
use crate::line::{is_space, trim_start};
use crate::template;
use crate::warning::Class;

/// Texts are cut here when they are read.
pub(crate) const MAX_SOURCE_TEXT: usize = 255;

/// What a line says about its text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Text<'t> {
    /// Nothing: the default's.
    Default,
    /// That there is none.
    None,
    /// This one.
    Words(Words<'t>),
}

/// A text, by how it is to be understood.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Words<'t> {
    /// A template as zone files have it: with variables and a base template.
    Template(Cow<'t, [u8]>),
    /// `$` is the key and `$$` a dollar sign, and that is all: as lists of ours are dumped.
    Marked(Cow<'t, [u8]>),
    /// The words of other people, as they stand.
    Data(Cow<'t, [u8]>),
}

impl Words<'_> {
    fn into_owned<'s>(self) -> Words<'s> {
        let owned = |text: Cow<'_, [u8]>| Cow::Owned(text.into_owned());
        match self {
            Words::Template(text) => Words::Template(owned(text)),
            Words::Marked(text) => Words::Marked(owned(text)),
            Words::Data(text) => Words::Data(owned(text)),
        }
    }
}

/// A value as a line states it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Stated<'t> {
    /// The A record, unless it is the default's.
    pub(crate) a: Option<u32>,
    pub(crate) text: Text<'t>,
}

/// A value with nothing left to the default.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Whole<'t> {
    pub(crate) a: Option<u32>,
    pub(crate) text: Option<Words<'t>>,
}

impl Stated<'_> {
    fn into_owned<'s>(self) -> Stated<'s> {
        Stated {
            a: self.a,
            text: match self.text {
                Text::Default => Text::Default,
                Text::None => Text::None,
                Text::Words(words) => Text::Words(words.into_owned()),
            },
        }
    }

    /// What a line without a value states.
    pub(crate) const DEFAULT: Stated<'static> = Stated {
        a: None,
        text: Text::Default,
    };
}

impl<'t> Whole<'t> {
    /// The default at the start of every file: 127.0.0.2 and no text.
    pub(crate) const BUILT_IN: Whole<'static> = Whole {
        a: Some(0x7f00_0002),
        text: None,
    };

    /// The value of a line under a default.
    pub(crate) fn of(stated: &Stated<'t>, default: &Whole<'t>) -> Whole<'t> {
        Whole {
            a: stated.a.or(default.a),
            text: match &stated.text {
                Text::Default => default.text.clone(),
                Text::None => None,
                Text::Words(words) => Some(words.clone()),
            },
        }
    }
}

/// Reads what follows a key, or a default line; also whether the text had to be cut.
pub(crate) fn parse(rest: &[u8]) -> Result<(Stated<'_>, bool), Class> {
    let rest = trim_start(rest);
    match rest {
        [] | [b'#' | b';', ..] => Ok((Stated::DEFAULT, false)),
        [b':', after @ ..] => {
            let (a, after) = a_record(after).ok_or(Class::BadA)?;
            let (text, cut) = match trim_start(after) {
                [] => (Text::Default, false),
                [b':', own @ ..] => match trim_start(own) {
                    [] => (Text::None, false),
                    own => text(own),
                },
                _ => return Err(Class::BadValue),
            };
            Ok((Stated { a: Some(a), text }, cut))
        }
        own => {
            let (text, cut) = text(own);
            Ok((Stated { a: None, text }, cut))
        }
    }
}

/// Whether what was read as a value looks as if a comment had been meant.
pub(crate) fn holds_comment(rest: &[u8]) -> bool {
    let mut marks = memchr::memchr2_iter(b'#', b';', rest);
    let stands_alone = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| rest.get(before));
        before.is_some_and(|byte| is_space(*byte))
    };
    marks.any(stands_alone) && !matches!(trim_start(rest), [b'#' | b';', ..])
}

/// An A record of one to four octets and the rest: one octet n is 127.0.0.n, fewer than four are
/// read as old inet did. 0.0.0.0 is none.
fn a_record(text: &[u8]) -> Option<(u32, &[u8])> {
    let (prefix, rest) = address4::prefix(text)?;
    let a = match prefix.octets {
        1 => 0x7f00_0000 | prefix.address >> 24,
        _ => prefix.as_inet(),
    };
    (prefix.address != 0).then_some((a, rest))
}

/// A text as it stands, cut if need be; whether it was.
pub(crate) fn text(text: &[u8]) -> (Text<'_>, bool) {
    let kept = text.get(..MAX_SOURCE_TEXT).unwrap_or(text);
    let template = Words::Template(Cow::Borrowed(kept));
    (Text::Words(template), kept.len() < text.len())
}

/// Once so many values were looked for, it is known whether most of them are new.
pub(crate) const TRIAL: u32 = 1024;

/// The values of one piece of a source, in order of first sight; those that come often are there
/// once. Where seven of eight are new, the others are not looked for any more.
#[derive(Debug, Default)]
pub(crate) struct Local<'t> {
    /// Hash and id of each value.
    ids: HashTable<(u64, u32)>,
    hasher: RandomState,
    /// How often a value was looked for.
    asked: u32,
    /// Each value, and how many default lines of the piece stood before it.
    pub(crate) values: Vec<(u32, Stated<'t>)>,
    /// Where most values are new, those that are [`Literal`]s: encoded as they are read, so that the
    /// source need not be kept for their texts.
    pub(crate) literals: ValueList,
    defaults: u32,
    default_id: Option<u32>,
    /// The value that was asked for last.
    last: Option<u32>,
    /// The last one that is encoded.
    last_literal: Option<Literal<'t>>,
}

/// A value that says the same under each default: an A record, and a text that nothing is put in as
/// long as its dataset has no base template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Literal<'t> {
    a: u32,
    text: &'t [u8],
}

impl<'t> Literal<'t> {
    fn of(stated: &Stated<'t>) -> Option<Literal<'t>> {
        match *stated {
            Stated {
                a: Some(a),
                text: Text::Words(Words::Template(Cow::Borrowed(text))),
            } => {
                let fits = (1..=MAX_TEXT).contains(&text.len());
                (fits && template::is_literal(text)).then_some(Literal { a, text })
            }
            _ => None,
        }
    }
}

/// The bit of the numbers of those that are encoded: the others are below it.
const LITERAL: u32 = 1 << 31;

/// What the values of a piece are elsewhere: by their numbers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ids {
    /// Those of [`Local::values`].
    pub(crate) stated: Vec<u32>,
    /// Those of [`Local::literals`].
    pub(crate) literals: Vec<u32>,
}

impl Ids {
    /// That of a value.
    pub(crate) fn get(&self, number: u32) -> Option<u32> {
        let ids = match number & LITERAL {
            0 => &self.stated,
            _ => &self.literals,
        };
        ids.get((number & !LITERAL) as usize).copied()
    }
}

impl<'t> Local<'t> {
    /// A default line was read: what is left to the default means another one from here on.
    pub(crate) fn next_default(&mut self) {
        self.defaults += 1;
        self.default_id = None;
    }

    /// How many values there are that are not encoded.
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    /// The same values, without the source that they stand in.
    pub(crate) fn into_owned<'s>(self) -> Local<'s> {
        let values = self.values.into_iter();
        Local {
            values: values
                .map(|(seen, stated)| (seen, stated.into_owned()))
                .collect(),
            literals: self.literals,
            ids: self.ids,
            hasher: self.hasher,
            asked: self.asked,
            defaults: self.defaults,
            default_id: self.default_id,
            last: self.last,
            last_literal: None,
        }
    }

    /// The id of a value that is the default.
    pub(crate) fn default_id(&mut self) -> u32 {
        if let Some(id) = self.default_id {
            return id;
        }
        let id = self.id(Stated::DEFAULT);
        self.default_id = Some(id);
        id
    }

    /// The id of a value.
    pub(crate) fn id(&mut self, stated: Stated<'t>) -> u32 {
        // A value that leaves nothing to the default is the same under each.
        let whole = stated.a.is_some() && stated.text != Text::Default;
        let defaults = if whole { 0 } else { self.defaults };
        let key = (defaults, stated);
        // Most lines say what the line before said.
        if let Some(last) = self.last
            && self.values.get(last as usize) == Some(&key)
        {
            return last;
        }
        let most_are_new = self.most_are_new();
        if most_are_new && let Some(literal) = Literal::of(&key.1) {
            return self.literal_id(literal);
        }
        self.asked += 1;
        let id = if most_are_new {
            self.add(key)
        } else {
            self.find_or_add(key)
        };
        self.last = Some(id);
        id
    }

    /// Whether most values were new so far, after enough of them.
    pub(crate) fn most_are_new(&self) -> bool {
        let new = self.values.len() + self.literals.len();
        self.asked > TRIAL && new > (self.asked - self.asked / 8) as usize
    }

    fn literal_id(&mut self, literal: Literal<'t>) -> u32 {
        // A line that says what the line before said adds nothing here either.
        if self.last_literal != Some(literal) {
            let a = Some(Ipv4Addr::from_bits(literal.a));
            self.literals.push_literal(a, literal.text);
            self.asked += 1;
            self.last_literal = Some(literal);
        }
        number(self.literals.len() - 1) | LITERAL
    }

    fn add(&mut self, key: (u32, Stated<'t>)) -> u32 {
        self.values.push(key);
        number(self.values.len() - 1)
    }

    fn find_or_add(&mut self, key: (u32, Stated<'t>)) -> u32 {
        let next = number(self.values.len());
        let hash = self.hasher.hash_one(&key);
        let values = &self.values;
        let same =
            |(other, id): &(u64, u32)| *other == hash && values.get(*id as usize) == Some(&key);
        if let Some((_, id)) = self.ids.find(hash, same) {
            return *id;
        }
        self.ids
            .insert_unique(hash, (hash, next), |(hash, _)| *hash);
        self.add(key)
    }
}

/// The number of a value. A piece has at most as many as bytes, and is far below 2 GiB.
fn number(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Option<u32>, Text<'_>), Class> {
        parse(text.as_bytes()).map(|(stated, _)| (stated.a, stated.text))
    }

    #[test]
    fn values_are_read_by_the_rules_of_zone_files() {
        let text = |t: &'static str| Text::Words(Words::Template(t.as_bytes().into()));
        let cases = [
            ("", Ok((None, Text::Default))),
            (" # c", Ok((None, Text::Default))),
            (":5", Ok((Some(0x7f00_0005), Text::Default))),
            (" :5 :", Ok((Some(0x7f00_0005), Text::None))),
            (":1.2: x", Ok((Some(0x0100_0002), text("x")))),
            (":1.2.3:x", Ok((Some(0x0102_0003), text("x")))),
            (":0:", Err(Class::BadA)),
            ("::x", Err(Class::BadA)),
            (": 5", Err(Class::BadA)),
            (":5 # x", Err(Class::BadValue)),
            ("t # x", Ok((None, text("t # x")))),
        ];
        for (line, value) in cases {
            assert_eq!(read(line), value, "{line}");
        }
    }

    #[test]
    fn where_most_values_are_new_literals_are_encoded_as_they_are_read() {
        let text = |text: String| Stated {
            a: Some(0x7f00_0002),
            text: Text::Words(Words::Template(Cow::Owned(text.into_bytes()))),
        };
        let source: Vec<String> = (0..2 * TRIAL).map(|i| format!("text {i}")).collect();
        let borrowed = |i: usize| Stated {
            a: Some(0x7f00_0002),
            text: Text::Words(Words::Template(Cow::Borrowed(source[i].as_bytes()))),
        };
        let trial = TRIAL as usize;
        let mut local = Local::default();
        let ids: Vec<u32> = (0..=trial).map(|i| local.id(borrowed(i))).collect();
        assert_eq!(ids, (0..=TRIAL).collect::<Vec<_>>());
        assert!(local.most_are_new() && local.literals.is_empty());
        // Literals, one of them twice in turn, and between them what is none.
        let first = local.id(borrowed(trial + 1));
        assert_eq!(first, LITERAL);
        assert_eq!(local.id(borrowed(trial + 1)), first);
        assert_eq!(local.id(text("for $".into())), TRIAL + 1);
        assert_eq!(local.id(Stated::DEFAULT), TRIAL + 2);
        assert_eq!(local.id(borrowed(trial + 2)), LITERAL | 1);
        let texts: Vec<&[u8]> = local.literals.literals().map(|(_, text)| text).collect();
        assert_eq!(texts, [b"text 1025", b"text 1026"]);
        // Where one in four is new, each is looked for.
        let mut local = Local::default();
        let ids: Vec<u32> = (0..2 * trial).map(|i| local.id(borrowed(i / 4))).collect();
        let expected: Vec<u32> = (0..2 * TRIAL).map(|i| i / 4).collect();
        assert_eq!(ids, expected);
        assert!(local.literals.is_empty() && !local.most_are_new());
    }

    #[test]
    fn texts_end_at_255_bytes() {
        let long = vec![b'x'; 300];
        let (stated, cut) = parse(&long).unwrap();
        assert!(cut);
        assert_eq!(
            stated.text,
            Text::Words(Words::Template(long[..255].into()))
        );
    }
}
