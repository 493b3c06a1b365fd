//! Values as they are made: records to canonical bytes, and the operations that resolving needs.

use std::net::Ipv4Addr;

use rblmap_format::Value;
use rblmap_format::record::{A, KEY, KEY_LESS, LITERAL, LONG, LOOPBACK, LOOPBACK_A, TEXT};
use rblmap_format::{MAX_LITERAL, MAX_TEXT, Part, RawRecord, Template};

/// One record: an A record, a text, or both.
///
/// See the example of [`ValueBuf::new`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// The A record; only a value with one lists anything.
    pub a: Option<Ipv4Addr>,
    /// The TXT record before the key is put in.
    pub text: Option<TemplateBuf>,
}

/// A part of a text that is being made.
///
/// See the example of [`TemplateBuf::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TextPart {
    /// These bytes, any number.
    Literal(Vec<u8>),
    /// The key that matched.
    Key,
    /// The name that matched less this many first labels.
    KeyLess(u8),
}

/// A TXT template in canonical form: literals merged, none empty. It has at most 255 bytes of
/// literal, or 254 with a key in it, where each key counts as one byte.
///
/// See the example of [`TemplateBuf::new`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateBuf {
    bytes: Vec<u8>,
}

impl TemplateBuf {
    /// A text without keys; an empty one is a record of its own, as in a `generic` of rbldnsd.
    ///
    /// ```
    /// use rblmap_content::{TemplateBuf, TextPart};
    /// let parts = [TextPart::Literal(b"Case 7".to_vec())];
    /// assert_eq!(Some(TemplateBuf::literal(b"Case 7")), TemplateBuf::new(parts));
    /// ```
    pub fn literal(text: &[u8]) -> TemplateBuf {
        let text = text.get(..text.len().min(MAX_LITERAL)).unwrap_or_default();
        let mut bytes = Vec::with_capacity(text.len() + 2);
        push_literal(text, &mut bytes);
        TemplateBuf { bytes }
    }

    /// Joins the parts; `None` if nothing is left: where texts are put together, an empty one is
    /// no record.
    ///
    /// ```
    /// use rblmap_content::{TemplateBuf, TextPart};
    /// let parts = [TextPart::Literal(b"see http://ops.example/?".to_vec()), TextPart::Key];
    /// assert!(TemplateBuf::new(parts).is_some());
    /// assert!(TemplateBuf::new([TextPart::Literal(Vec::new())]).is_none());
    /// ```
    pub fn new(parts: impl IntoIterator<Item = TextPart>) -> Option<TemplateBuf> {
        let parts: Vec<TextPart> = parts.into_iter().collect();
        let has_key = parts.iter().any(|p| !matches!(p, TextPart::Literal(_)));
        TemplateBuf::join(parts, has_key)
    }

    /// Joins the parts of a text that has a key, or had one before.
    fn join(parts: Vec<TextPart>, has_key: bool) -> Option<TemplateBuf> {
        let most = if has_key { MAX_TEXT } else { MAX_LITERAL };
        let mut bytes = Vec::new();
        let mut literal = Vec::new();
        let mut shortest = 0;
        let close = |literal: &mut Vec<u8>, bytes: &mut Vec<u8>| {
            push_literal(literal, bytes);
            literal.clear();
        };
        for part in parts {
            let room = most - shortest;
            match part {
                TextPart::Literal(text) => {
                    let text = text.get(..text.len().min(room)).unwrap_or_default();
                    literal.extend_from_slice(text);
                    shortest += text.len();
                }
                TextPart::Key | TextPart::KeyLess(_) if room == 0 => {}
                TextPart::Key | TextPart::KeyLess(0) => {
                    close(&mut literal, &mut bytes);
                    bytes.push(KEY);
                    shortest += 1;
                }
                TextPart::KeyLess(less) => {
                    close(&mut literal, &mut bytes);
                    bytes.extend([KEY_LESS, less]);
                    shortest += 1;
                }
            }
        }
        close(&mut literal, &mut bytes);
        (!bytes.is_empty()).then_some(TemplateBuf { bytes })
    }

    fn is_one_literal(&self) -> bool {
        let Some((&len, text)) = self.bytes.split_first() else {
            return false;
        };
        !matches!(len, KEY | KEY_LESS) && usize::from(len) == text.len()
    }

    /// The same text, in which each key loses another number of first labels; it lost `0` or more.
    ///
    /// ```
    /// use rblmap_content::{Record, TemplateBuf, TextPart, ValueBuf};
    /// let text = TemplateBuf::new([TextPart::KeyLess(2)]);
    /// let value = ValueBuf::new([Record { a: None, text: text.clone() }]);
    /// let template = value.as_value().records().next().and_then(|record| record.template);
    /// let same = template.and_then(|template| TemplateBuf::with_less(template, |less| less));
    /// assert_eq!(same, text);
    /// ```
    pub fn with_less(template: Template<'_>, less: impl Fn(u8) -> u8) -> Option<TemplateBuf> {
        TemplateBuf::rewritten(template, |labels| [TextPart::KeyLess(less(labels))])
    }

    /// The same text with other parts in the place of each key, whose number of lost labels is
    /// given. An empty text stays one, as nothing was put together.
    pub fn rewritten<P: IntoIterator<Item = TextPart>>(
        template: Template<'_>,
        key: impl Fn(u8) -> P,
    ) -> Option<TemplateBuf> {
        if template.as_bytes().is_empty() {
            return Some(TemplateBuf::literal(b""));
        }
        let mut parts = Vec::new();
        let mut had_key = false;
        for part in template.parts() {
            let less = match part {
                Part::Literal(bytes) => {
                    parts.push(TextPart::Literal(bytes.to_vec()));
                    continue;
                }
                Part::Key => 0,
                Part::KeyLess(less) => less,
            };
            parts.extend(key(less));
            had_key = true;
        }
        TemplateBuf::join(parts, had_key)
    }
}

fn push_literal(text: &[u8], bytes: &mut Vec<u8>) {
    // The length bytes 0 and 255 stand for keys.
    for piece in text.chunks(MAX_TEXT) {
        bytes.push(u8::try_from(piece.len()).expect("MAX_TEXT is less than 255"));
        bytes.extend_from_slice(piece);
    }
}

impl From<RawRecord<'_>> for Record {
    fn from(record: RawRecord<'_>) -> Record {
        let template = record.template;
        Record {
            a: record.a,
            text: template.and_then(|template| TemplateBuf::with_less(template, |less| less)),
        }
    }
}

/// A value in canonical form: sorted records, no duplicate, none that another makes redundant.
///
/// The empty value lists nothing; in the tree of names it hides what a wildcard says.
///
/// See the example of [`ValueBuf::new`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ValueBuf {
    bytes: Vec<u8>,
}

impl ValueBuf {
    /// Sorts the records and drops what adds nothing: duplicates, records with neither part, and
    /// an A alone beside the same A with a text.
    ///
    /// ```
    /// use rblmap_content::{Record, ValueBuf};
    /// let record = Record { a: Some([127, 0, 0, 2].into()), text: None };
    /// let value = ValueBuf::new([record.clone(), record]);
    /// assert_eq!(value.as_value().records().count(), 1);
    /// ```
    pub fn new(records: impl IntoIterator<Item = Record>) -> ValueBuf {
        let encoded = records.into_iter().map(|record| {
            let mut bytes = Vec::new();
            encode(&record, &mut bytes);
            bytes
        });
        ValueBuf::from_encoded(encoded.collect())
    }

    /// One value for all that `values` say.
    pub fn union<'a>(values: impl IntoIterator<Item = Value<'a>>) -> ValueBuf {
        let records = values.into_iter().flat_map(|value| split(value.as_bytes()));
        ValueBuf::from_encoded(records.map(<[u8]>::to_vec).collect())
    }

    /// The same value seen from a name with `labels` more labels than the name that matched:
    /// each key in a text loses that many more first labels.
    pub fn seen_from_below(value: Value<'_>, labels: u8) -> ValueBuf {
        ValueBuf::new(value.records().map(|record| Record {
            a: record.a,
            text: record.template.and_then(|template| {
                TemplateBuf::with_less(template, |less| less.saturating_add(labels))
            }),
        }))
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The value in place.
    pub fn as_value(&self) -> Value<'_> {
        Value::new(&self.bytes)
    }

    fn from_encoded(mut records: Vec<Vec<u8>>) -> ValueBuf {
        records.retain(|record| record.first() != Some(&0));
        records.sort();
        records.dedup();
        let a_of = |record: &[u8]| RawRecord::read(record).and_then(|(record, _)| record.a);
        let has_text = |record: &[u8]| record.first().is_some_and(|flags| flags & TEXT != 0);
        let mut with_text: Vec<Ipv4Addr> = records
            .iter()
            .filter(|record| has_text(record))
            .filter_map(|r| a_of(r))
            .collect();
        with_text.sort_unstable();
        let redundant = |a: Ipv4Addr| with_text.binary_search(&a).is_ok();
        records.retain(|record| has_text(record) || !a_of(record).is_some_and(redundant));
        ValueBuf {
            bytes: records.concat(),
        }
    }
}

/// Whether the bytes are a value in canonical form, as [`ValueBuf`] makes them.
///
/// ```
/// use rblmap_content::{Record, ValueBuf, is_canonical};
/// let value = ValueBuf::new([Record { a: Some([127, 0, 0, 2].into()), text: None }]);
/// assert!(is_canonical(value.as_value().as_bytes()));
/// assert!(!is_canonical(&[0xff; 5]));
/// ```
pub fn is_canonical(bytes: &[u8]) -> bool {
    is_plain(bytes) || is_as_made(bytes)
}

fn is_as_made(bytes: &[u8]) -> bool {
    let value = Value::new(bytes);
    let records: usize = split(bytes).map(<[u8]>::len).sum();
    records == bytes.len() && ValueBuf::seen_from_below(value, 0).bytes == bytes
}

/// Whether it is one A record in 127.0.0.0/24 with one literal of up to 254 bytes: nearly all values
/// are, and there may be millions, so that none of these shall be made anew.
fn is_plain(bytes: &[u8]) -> bool {
    let &[flags, _, len, ref text @ ..] = bytes else {
        return false;
    };
    flags == LOOPBACK_A | TEXT | LITERAL
        && usize::from(len) == text.len()
        && (1..=MAX_TEXT).contains(&text.len())
}

/// Whether some text of the value names the key.
///
/// ```
/// use rblmap_content::{Record, TemplateBuf, TextPart, ValueBuf, names_key};
/// let text = TemplateBuf::new([TextPart::Literal(b"see ".to_vec()), TextPart::Key]);
/// assert!(names_key(ValueBuf::new([Record { a: None, text }]).as_value()));
/// ```
pub fn names_key(value: Value<'_>) -> bool {
    let templates = value.records().filter_map(|record| record.template);
    templates
        .flat_map(|template| template.parts())
        .any(|part| !matches!(part, Part::Literal(_)))
}

/// Appends a record; nothing but a zero for one that says nothing.
pub(crate) fn encode(record: &Record, bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.push(0);
    let mut flags = encode_a(record.a, bytes);
    if let Some(text) = &record.text {
        flags |= TEXT;
        // At most 254 parts, of which literals have 255 bytes in all: far below 2^16.
        let [low, high] = u16::try_from(text.bytes.len())
            .unwrap_or(u16::MAX)
            .to_le_bytes();
        if text.is_one_literal() {
            flags |= LITERAL;
        } else {
            bytes.push(low);
            if high > 0 {
                flags |= LONG;
                bytes.push(high);
            }
        }
        bytes.extend(&text.bytes);
    }
    if let Some(first) = bytes.get_mut(start) {
        *first = flags;
    }
}

/// Appends an A record, if there is one; the flags that say so.
fn encode_a(a: Option<Ipv4Addr>, bytes: &mut Vec<u8>) -> u8 {
    let Some(a) = a else {
        return 0;
    };
    match a.octets().split_last_chunk() {
        Some((first, [last])) if *first == LOOPBACK => {
            bytes.push(*last);
            LOOPBACK_A
        }
        _ => {
            bytes.extend(a.octets());
            A
        }
    }
}

/// Appends a record whose text is a literal of 1 to [`MAX_TEXT`] bytes.
pub(crate) fn encode_literal(a: Option<Ipv4Addr>, text: &[u8], bytes: &mut Vec<u8>) {
    let start = bytes.len();
    bytes.push(0);
    let flags = encode_a(a, bytes) | TEXT | LITERAL;
    push_literal(text, bytes);
    if let Some(first) = bytes.get_mut(start) {
        *first = flags;
    }
}

/// The A record and the text of a value that is one record with one literal, see [`encode_literal`].
pub(crate) fn one_literal(bytes: &[u8]) -> Option<(Option<Ipv4Addr>, &[u8])> {
    let (record, rest) = RawRecord::read(bytes)?;
    let mut parts = record.template?.parts();
    match (parts.next(), parts.next()) {
        (Some(Part::Literal(text)), None) => rest.is_empty().then_some((record.a, text)),
        _ => None,
    }
}

fn split(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (_, after) = RawRecord::read(rest)?;
        let (record, _) = rest.split_at(rest.len() - after.len());
        rest = after;
        Some(record)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_literal_has_one_encoding() {
        for a in [
            None,
            Some([127, 0, 0, 2].into()),
            Some([10, 0, 0, 1].into()),
        ] {
            for len in [1, 2, 100, 253, MAX_TEXT] {
                let text = vec![b'x'; len];
                let (mut whole, mut direct) = (Vec::new(), Vec::new());
                let template = TemplateBuf::literal(&text);
                let text_of = Some(template);
                encode(&Record { a, text: text_of }, &mut whole);
                encode_literal(a, &text, &mut direct);
                assert_eq!(whole, direct, "{len}");
            }
        }
    }

    fn record(a: u8, text: &str) -> Record {
        let parts = text.split_inclusive('$').flat_map(|piece| {
            let literal = TextPart::Literal(piece.trim_end_matches('$').into());
            [Some(literal), piece.ends_with('$').then_some(TextPart::Key)]
        });
        let a = (a > 0).then(|| Ipv4Addr::new(127, 0, 0, a));
        Record {
            a,
            text: TemplateBuf::new(parts.flatten()),
        }
    }

    #[test]
    fn a_literal_has_no_length_before_it() {
        let bytes = |parts: Vec<TextPart>| {
            let text = TemplateBuf::new(parts);
            let a = Some(Ipv4Addr::new(127, 0, 0, 2));
            ValueBuf::new([Record { a, text }]).bytes
        };
        let literal = |len: usize| TextPart::Literal(vec![b'x'; len]);
        assert_eq!(bytes(vec![literal(2)]), [22, 2, 2, b'x', b'x']);
        assert_eq!(
            bytes(vec![literal(1), TextPart::Key]),
            [6, 2, 3, 1, b'x', 0]
        );
        assert_eq!(bytes(vec![literal(254)])[..3], [22, 2, 254]);
        // One of 255 bytes is two parts, as length bytes 0 and 255 stand for keys.
        assert_eq!(bytes(vec![literal(255)])[..5], [14, 2, 1, 1, 254]);
        assert_eq!(bytes(vec![literal(255)]).len(), 4 + 255 + 2);
    }

    #[test]
    fn what_is_seen_to_be_canonical_at_once_is_made_so() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut plain = 0;
        for _ in 0..200_000 {
            let len = rng.usize(..5);
            let flags = rng.u8(..32);
            let mut bytes: Vec<u8> = [flags, rng.u8(..), rng.u8(..5)].into();
            bytes.extend(std::iter::repeat_with(|| rng.u8(..)).take(len));
            plain += usize::from(is_plain(&bytes));
            assert!(is_as_made(&bytes) || !is_plain(&bytes), "{bytes:?}");
        }
        assert!(plain > 500);
        for len in 1..=255 {
            let text = Some(TemplateBuf::literal(&vec![b'x'; len]));
            let a = Some(Ipv4Addr::new(127, 0, 0, 9));
            let made = ValueBuf::new([Record { a, text }]);
            assert!(is_as_made(&made.bytes) && is_plain(&made.bytes) == (len < 255));
        }
    }

    #[test]
    fn equal_sets_of_records_are_equal_bytes() {
        let one = ValueBuf::new([record(2, ""), record(2, "x $"), record(3, "")]);
        let other = ValueBuf::new([record(3, ""), record(2, "x $"), record(2, "x $")]);
        assert_eq!(one, other);
        assert!(is_canonical(one.as_value().as_bytes()));
        assert!(!is_canonical(&[one.as_value().as_bytes(), &[9]].concat()));
        assert_eq!(ValueBuf::union([one.as_value(), other.as_value()]), one);
        assert!(ValueBuf::new([record(0, "")]).is_empty());
        assert!(
            !ValueBuf::new([record(0, "text alone")])
                .as_value()
                .is_listed()
        );
    }

    #[test]
    fn a_template_ends_where_no_text_can_reach() {
        let long = vec![b'x'; 300];
        let cut = TemplateBuf::new([TextPart::Literal(long.clone()), TextPart::Key]);
        assert_eq!(
            cut,
            TemplateBuf::new([TextPart::Literal(long[..254].to_vec())])
        );
        let alone = TemplateBuf::new([TextPart::Literal(long)]);
        let text = alone.as_ref().map(|text| text.bytes.clone()).unwrap();
        assert_eq!((text.len(), text[0], text[255]), (257, 254, 1));
        let value = ValueBuf::new([Record {
            a: None,
            text: alone,
        }]);
        assert!(is_canonical(&value.bytes));
        let keys = TemplateBuf::new(vec![TextPart::Key; 400]).unwrap();
        assert_eq!(keys.bytes.len(), 254);
        let less = TemplateBuf::new(vec![TextPart::KeyLess(1); 400]);
        let value = ValueBuf::new([Record {
            a: None,
            text: less,
        }]);
        assert_eq!(value.as_value().records().count(), 1);
        assert_eq!(value.bytes.len(), 3 + 508);
        assert!(is_canonical(&value.bytes));
    }

    #[test]
    fn keys_lose_labels_when_seen_from_below() {
        let value = ValueBuf::new([record(2, "see $")]);
        let deeper = ValueBuf::seen_from_below(value.as_value(), 2);
        assert_eq!(
            ValueBuf::seen_from_below(deeper.as_value(), 1),
            ValueBuf::seen_from_below(value.as_value(), 3)
        );
        assert_ne!(value, deeper);
    }
}
