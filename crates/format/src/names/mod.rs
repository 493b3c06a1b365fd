//! Names: sorted in small zones, in hashed lines in large ones.
//!
//! - [`lookup`]: the two layouts as one
//! - [`sorted`]: sorted names, read and written
//! - [`lines`]: names in lines: look up; [`mod@write`]: write them
//! - [`hash`]: how a name is hashed; [`codes`]: how it is written in bits
//! - [`suffixes`]: common suffixes: look up, choose, write
//! - [`walk`]: all names in the order of their keys

pub mod codes;
pub mod hash;
mod huffman;
pub mod lines;
pub mod lookup;
pub mod sorted;
pub mod suffixes;
mod trace;
pub mod walk;
pub mod write;

pub use lookup::Names;
