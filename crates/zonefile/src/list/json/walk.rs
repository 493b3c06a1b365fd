//! The walk through a document as it is parsed: nothing of it is kept but the record in hand.

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::paths::Node;

/// The keys and the text of one record.
#[derive(Debug, Default)]
pub(super) struct Record<'t> {
    pub(super) keys: Keys<'t>,
    pub(super) text: Words<'t>,
}

/// The keys of a record. Nearly all have one, which needs no memory of its own.
#[derive(Debug, Default)]
pub(super) struct Keys<'t> {
    first: Option<Cow<'t, str>>,
    more: Vec<Cow<'t, str>>,
}

impl<'t> Keys<'t> {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Cow<'t, str>> {
        self.first.iter().chain(&self.more)
    }

    fn push(&mut self, key: Cow<'t, str>) {
        match self.first {
            None => self.first = Some(key),
            Some(_) => self.more.push(key),
        }
    }

    fn append(&mut self, other: Keys<'t>) {
        if let Some(first) = other.first {
            self.push(first);
            self.more.extend(other.more);
        }
    }
}

/// The text of a record.
#[derive(Debug, Default)]
pub(super) enum Words<'t> {
    #[default]
    Nothing,
    /// Something that is no string.
    Odd,
    Text(Cow<'t, str>),
}

/// Who takes the records.
pub(super) trait Sink<'t> {
    /// A record with its keys, or without any.
    fn record(&mut self, record: Record<'t>);
    /// A record in which nothing that was asked for was found.
    fn nothing(&mut self);
    /// A word of the text, on the way.
    fn seen(&mut self, _word: &'t str) {}
}

/// A place in a document that is about to be parsed.
pub(super) struct Walk<'w, S> {
    pub(super) node: &'w Node,
    pub(super) sink: &'w mut S,
    /// Whether this is the whole document: an array there is one of records.
    pub(super) top: bool,
    /// Whether this is an element of such an array, where a string alone is a key.
    pub(super) item: bool,
}

/// What was found at a place for the record around it.
#[derive(Debug, Default)]
pub(super) struct Found<'t> {
    pub(super) record: Record<'t>,
    /// Whether it was an array, whose records were taken.
    pub(super) is_array: bool,
    /// Whether deeper records were taken, or keys were there that are none.
    pub(super) found: bool,
}

impl<'t> Found<'t> {
    pub(super) fn of_word(node: &Node, is_item: bool, word: Cow<'t, str>) -> Found<'t> {
        let mut found = Found::default();
        if node.is_key || is_item {
            found.record.keys.push(word);
        } else if node.is_text {
            found.record.text = Words::Text(word);
        }
        found
    }

    pub(super) fn odd(node: &Node) -> Found<'t> {
        let mut found = Found::default();
        if node.is_text {
            found.record.text = Words::Odd;
        }
        found
    }

    pub(super) fn add(&mut self, more: Found<'t>) {
        self.record.keys.append(more.record.keys);
        if !matches!(more.record.text, Words::Nothing) {
            self.record.text = more.record.text;
        }
        self.found |= more.found || more.is_array;
    }
}

impl<'w, S> Walk<'w, S> {
    fn below(node: &'w Node, sink: &'w mut S) -> Walk<'w, S> {
        Walk {
            node,
            sink,
            top: false,
            item: false,
        }
    }
}

impl<'t, S: Sink<'t>> DeserializeSeed<'t> for Walk<'_, S> {
    type Value = Found<'t>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Found<'t>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'t, S: Sink<'t>> Visitor<'t> for Walk<'_, S> {
    type Value = Found<'t>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_borrowed_str<E: Error>(self, word: &'t str) -> Result<Found<'t>, E> {
        self.sink.seen(word);
        Ok(Found::of_word(self.node, self.item, Cow::Borrowed(word)))
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<Found<'t>, E> {
        Ok(Found::of_word(
            self.node,
            self.item,
            Cow::Owned(word.to_owned()),
        ))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Found<'t>, E> {
        Ok(Found::odd(self.node))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Found<'t>, E> {
        Ok(Found::odd(self.node))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Found<'t>, E> {
        Ok(Found::odd(self.node))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Found<'t>, E> {
        Ok(Found::odd(self.node))
    }

    fn visit_unit<E: Error>(self) -> Result<Found<'t>, E> {
        Ok(Found::odd(self.node))
    }

    fn visit_seq<A: SeqAccess<'t>>(self, mut array: A) -> Result<Found<'t>, A::Error> {
        let item = self.top;
        if let Some(node) = self.node.each().or(self.top.then_some(self.node)) {
            let element = Walk {
                item,
                ..Walk::below(node, self.sink)
            };
            return records(element, array);
        }
        let mut found = Found::odd(self.node);
        if self.node.is_key {
            // An array of strings is keys.
            while let Some(more) = array.next_element_seed(Walk::below(self.node, self.sink))? {
                if more.record.keys.is_empty() {
                    self.sink.nothing();
                }
                found.add(more);
            }
            return Ok(found);
        }
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found)
    }

    fn visit_map<A: MapAccess<'t>>(self, mut object: A) -> Result<Found<'t>, A::Error> {
        let mut found = Found::odd(self.node);
        while let Some(field) = object.next_key_seed(Field {
            node: self.node,
            sink: &mut *self.sink,
        })? {
            match field {
                Some(node) => {
                    let more = object.next_value_seed(Walk::below(node, self.sink))?;
                    found.add(more);
                }
                None => {
                    object.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }
}

/// Takes the elements of an array as records.
fn records<'t, S: Sink<'t>, A: SeqAccess<'t>>(
    element: Walk<'_, S>,
    mut array: A,
) -> Result<Found<'t>, A::Error> {
    let Walk {
        node, sink, item, ..
    } = element;
    while let Some(found) = array.next_element_seed(Walk {
        item,
        ..Walk::below(node, &mut *sink)
    })? {
        match found.record.keys.is_empty() {
            true if !found.found && !found.is_array => sink.nothing(),
            _ => sink.record(found.record),
        }
    }
    Ok(Found {
        is_array: true,
        found: true,
        ..Found::default()
    })
}

/// The name of a field, and whether anything is asked for there.
struct Field<'n, 's, S> {
    node: &'n Node,
    sink: &'s mut S,
}

impl<'t, 'n, S: Sink<'t>> DeserializeSeed<'t> for Field<'n, '_, S> {
    type Value = Option<&'n Node>;

    fn deserialize<D: Deserializer<'t>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'t, 'n, S: Sink<'t>> Visitor<'t> for Field<'n, '_, S> {
    type Value = Option<&'n Node>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'t str) -> Result<Self::Value, E> {
        self.sink.seen(name);
        Ok(self.node.field(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(self.node.field(name))
    }
}
