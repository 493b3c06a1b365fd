//! Values that several entries make together.

use std::collections::HashMap;

use rblmap::{Value, ValueId};
use rblmap_content::{Interner, ValueBuf, ValueList};

use crate::error::Error;

/// Values are counted in 32 bits.
const TOO_MANY: Error = Error::TooManyEntries {
    limit: u32::MAX as u64,
};

/// Makes values of values, remembers them, and ends when there is too much of it.
#[derive(Debug)]
pub(crate) struct Unions<'d> {
    interner: &'d mut Interner,
    made: HashMap<Vec<u32>, u32>,
    pairs: HashMap<(u32, u32), u32>,
    records_left: u64,
    limit: u64,
}

impl<'d> Unions<'d> {
    pub(crate) fn new(interner: &'d mut Interner, limit: u64) -> Unions<'d> {
        Unions {
            interner,
            made: HashMap::new(),
            pairs: HashMap::new(),
            records_left: limit,
            limit,
        }
    }

    /// The id of a value; 0 for the empty one.
    pub(crate) fn intern(&mut self, value: &ValueBuf) -> Result<u32, Error> {
        if value.is_empty() {
            return Ok(0);
        }
        let id = self.interner.intern(value).ok_or(TOO_MANY)?;
        Ok(id.get())
    }

    /// The ids of the values of lists; 0 for the empty one.
    pub(crate) fn intern_all(&mut self, lists: &[ValueList]) -> Result<Vec<Vec<u32>>, Error> {
        self.interner.intern_all(lists).ok_or(TOO_MANY)
    }

    /// The value of an id; the empty one for 0.
    pub(crate) fn get(&self, id: u32) -> Value<'_> {
        ValueId::new(id).map_or(Value::new(&[]), |id| self.interner.get(id))
    }

    /// What values say together. Where 0 is among them they say: not listed.
    pub(crate) fn of(&mut self, ids: &[u32]) -> Result<u32, Error> {
        match ids {
            [] | [0, ..] => Ok(0),
            [id] => Ok(*id),
            [a, b] => self.pair(*a, *b),
            ids => {
                if let Some(&id) = self.made.get(ids) {
                    return Ok(id);
                }
                let id = self.make(ids)?;
                self.made.insert(ids.to_vec(), id);
                Ok(id)
            }
        }
    }

    /// What two values say together: not listed if either is 0.
    pub(crate) fn pair(&mut self, a: u32, b: u32) -> Result<u32, Error> {
        if a == b || a == 0 || b == 0 {
            return Ok(if b == 0 { 0 } else { a });
        }
        let key = (a.min(b), a.max(b));
        if let Some(&id) = self.pairs.get(&key) {
            return Ok(id);
        }
        let id = self.make(&[a, b])?;
        self.pairs.insert(key, id);
        Ok(id)
    }

    /// What two datasets say together: 0 of one says nothing about the other.
    pub(crate) fn either(&mut self, a: u32, b: u32) -> Result<u32, Error> {
        match (a, b) {
            (0, other) | (other, 0) => Ok(other),
            (a, b) => self.pair(a, b),
        }
    }

    fn make(&mut self, ids: &[u32]) -> Result<u32, Error> {
        let value = ValueBuf::union(ids.iter().map(|&id| self.get(id)));
        // One with a long text counts as many: it is memory that is limited.
        let value_of = value.as_value();
        let (records, bytes) = (value_of.records().count(), value_of.as_bytes().len());
        let cost = records.max(bytes.div_ceil(8)).max(1) as u64;
        self.records_left = self
            .records_left
            .checked_sub(cost)
            .ok_or(Error::TooManyRecords { limit: self.limit })?;
        self.intern(&value)
    }
}
