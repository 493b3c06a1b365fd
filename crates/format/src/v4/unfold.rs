//! Reads all entries of a line at once, for whoever walks, counts or prints it.

use super::kind::{
    Kind, LIST, MIXED, SHORT, TURNS, form_of, ids, long_keys, palette, short_keys, turns,
};
use super::lookup::Lines;
use super::unfolded::Unfolded;
use crate::v4::shape::LINE;

impl Lines<'_> {
    /// Reads the entries of a line of a kind that does not have a place for each address.
    #[inline(always)]
    pub(super) fn unfold(&self, line: &[u8; LINE], kind: &Kind, entries: &mut Unfolded) {
        match line[0] & 7 {
            LIST => {
                long_keys::unfold(line, kind, entries);
                palette::unfold(self, line, kind, entries);
            }
            SHORT => {
                short_keys::unfold(line, kind, const { form_of(SHORT) }, entries);
                palette::unfold(self, line, kind, entries);
            }
            TURNS => {
                short_keys::unfold(line, kind, const { form_of(TURNS) }, entries);
                turns::unfold(self, line, kind, entries);
            }
            MIXED => {
                short_keys::unfold(line, kind, const { form_of(MIXED) }, entries);
                turns::unfold(self, line, kind, entries);
                entries.only = !self.onward_bits(line, kind);
            }
            _ => {
                long_keys::unfold(line, kind, entries);
                ids::unfold(self, line, kind, entries);
            }
        }
    }
}
