//! skeleton
mod error;
mod name;
mod run;
mod value;
pub use error::Error;
pub use name::{MAX_KEY, MAX_WIRE, NameError, NameKey};
pub use run::{NamePoint, Run, Slot, ValueId};
pub use value::{Key, MAX_TEXT, Part, RawRecord, Template, TextBuf, Value};
