//! How long an access to memory takes, and the limit of the machine to hold it against.
//!
//! [`OtherWork`] times closures: one at a time, as they come, in blocks, and after other work.
//! [`Lines`] is the limit: random lines of the same mapping, read in the same way. [`Clock`] says
//! what is too short to be told, [`Latencies`] how single accesses are distributed, and [`Noise`]
//! how much the machine itself moved meanwhile.

mod clock;
mod latency;
mod lines;
mod noise;
mod work;

pub use clock::{Clock, fence, pin, processors, stay, thread_time};
pub use latency::Latencies;
pub use lines::Lines;
pub use noise::Noise;
pub use work::{Effort, OtherWork, QUERIES};
