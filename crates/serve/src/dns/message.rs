//! A reply that is being written: a buffer in which names are compressed against the question's.

use std::convert::Infallible;

use domain::base::name::{Label, ToName};
use domain::base::wire::Composer;
use domain::dep::octseq::builder::{OctetsBuilder, Truncate};

use super::name::QueryName;

/// Where the question's name begins in every message that has one (RFC 1035 section 4.1.1).
const QUESTION_AT: usize = 12;
/// The two highest bits of a pointer to an earlier name (RFC 1035 section 4.1.4).
const POINTER: usize = 0xc000;

/// The bytes of a message. A name that is the question's, or that ends as it does, becomes a pointer
/// into the question, as in rbldnsd; so owners cost two bytes and keep the case of the question
/// (`draft-vixie-dnsext-dns0x20`).
pub(crate) struct Message<'a> {
    bytes: &'a mut Vec<u8>,
    question: &'a QueryName,
}

impl<'a> Message<'a> {
    /// A message that will begin with a question for this name.
    pub(crate) fn new(bytes: &'a mut Vec<u8>, question: &'a QueryName) -> Message<'a> {
        Message { bytes, question }
    }

    /// How many of the last labels of a name are the last ones of the question.
    fn shared<'n>(&self, labels: impl DoubleEndedIterator<Item = &'n Label>) -> usize {
        let own = (0..self.question.label_count()).rev();
        let own = own.map(|number| self.question.label(number));
        // The first label from behind is the root label.
        let theirs = labels.rev().skip(1).map(Label::as_slice);
        own.zip(theirs)
            .take_while(|(own, theirs)| own.eq_ignore_ascii_case(theirs))
            .count()
    }
}

impl OctetsBuilder for Message<'_> {
    type AppendError = Infallible;

    #[inline]
    fn append_slice(&mut self, slice: &[u8]) -> Result<(), Infallible> {
        self.bytes.extend_from_slice(slice);
        Ok(())
    }
}

impl Truncate for Message<'_> {
    fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }
}

impl AsRef<[u8]> for Message<'_> {
    fn as_ref(&self) -> &[u8] {
        self.bytes
    }
}

impl AsMut<[u8]> for Message<'_> {
    fn as_mut(&mut self) -> &mut [u8] {
        self.bytes
    }
}

impl Composer for Message<'_> {
    fn append_compressed_name<N: ToName + ?Sized>(&mut self, name: &N) -> Result<(), Infallible> {
        // The question itself is written first, and whole.
        let shared = if self.bytes.len() > QUESTION_AT {
            self.shared(name.iter_labels())
        } else {
            0
        };
        if shared == 0 {
            return name.compose(self);
        }
        let own = name.iter_labels().count().saturating_sub(1);
        for label in name.iter_labels().take(own - shared) {
            label.compose(self)?;
        }
        let first = self.question.label_count() - shared;
        let pointer = POINTER | (QUESTION_AT + self.question.start(first));
        // At most 12 + 255.
        let pointer = u16::try_from(pointer).unwrap_or_default();
        self.append_slice(&[(pointer >> 8) as u8, (pointer & 0xff) as u8])
    }

    fn can_compress(&self) -> bool {
        true
    }
}
