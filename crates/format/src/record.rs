//! The bytes of a record: what its first byte says, and the parts of a template.

/// Four bytes of A record follow, in network order.
pub const A: u8 = 1;
/// A template follows, its length before it.
pub const TEXT: u8 = 2;
/// The last byte of an A record in 127.0.0.0/24 follows.
pub const LOOPBACK_A: u8 = 4;
/// The length of the template has two bytes, not one.
pub const LONG: u8 = 8;
/// The template is one literal, whose own length tells where it ends: none stands before it.
pub const LITERAL: u8 = 16;

/// The first bytes of the A record of [`LOOPBACK_A`].
pub const LOOPBACK: [u8; 3] = [127, 0, 0];

/// Part of a template: the key. From 1 to 254: as many bytes of text follow.
pub const KEY: u8 = 0;
/// Part of a template: the key less as many first labels as the next byte says.
pub const KEY_LESS: u8 = 255;
