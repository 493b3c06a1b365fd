//! How finely contexts of edits are told apart.

/// How many contexts there are for an edit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fineness {
    /// So many positions of bits share a context: few edits do not fill many contexts.
    pub(crate) grain: u32,
    /// How far apart edits lie, less than [`Fineness::DENSITIES`]; 0 for the first one of a run or gap.
    pub(crate) density: usize,
}

impl Fineness {
    pub(crate) const DENSITIES: usize = 20;

    /// The position of a bit, as a context.
    pub(crate) fn position(self, bit: u32) -> usize {
        // A division takes longer than all the rest.
        let position = match self.grain {
            1 => bit,
            grain => bit / grain,
        };
        position as usize
    }
}
