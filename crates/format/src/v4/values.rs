//! What a walk asks the ids of a line.

/// The ids of a line's entries, read one after the other.
pub(super) trait Values {
    /// Whether an entry that is not of its own address only changes the value of the addresses
    /// behind it up to the next such entry, other entries between them or not.
    const GO_ON: bool = false;

    /// Whether all entries are of their own address only, as far as they have a value.
    fn are_single(&self) -> bool;

    /// The id of the next entry, which has this index, and whether it is of its own address only.
    fn next(&mut self, index: usize) -> (u32, bool);
}
