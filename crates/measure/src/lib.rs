//! How long an access to memory takes, and the limit of the machine to hold it against.
//!
//! [`OtherWork`] times closures: one at a time, as they come, in blocks, and after other work.
//! [`Lines`] is the limit: random lines of the same mapping, read in the same way. [`Clock`] says
//! what is too short to be told, [`Latencies`] how single accesses are distributed, and [`Noise`]
//! how much the machine itself moved meanwhile.
//!
//! ```
//! use std::time::{Duration, Instant};
//! use rblmap_measure::{Clock, Effort, Latencies, Lines, Noise, OtherWork};
//!
//! let table = vec![1; 1 << 16]; // what is measured; here 64 KiB in memory
//! let lines = Lines::new(&table);
//! let queries: Vec<u32> = (0..1000).map(|n: u32| n.wrapping_mul(0x9e37_79b9)).collect();
//!
//! let mut noise = Noise::default();
//! noise.look();
//! let other = OtherWork::new(Effort { blocks: 1, cold: 1 });
//! let mean = noise.during(|_| other.latency(&queries, |query| lines.read(*query)));
//!
//! let mut latencies = Latencies::new(Clock::calibrate());
//! let until = Instant::now() + Duration::from_millis(1);
//! latencies.time(&queries, until, |query| lines.read(*query));
//! println!("{mean:.1} ns; half of them within {:?} ns", latencies.quantile(0.5));
//! println!("the machine moved by {:?}", noise.share());
//! ```

mod clock;
mod latency;
mod lines;
mod noise;
mod work;

pub use clock::{Clock, fence, pin, processors, stay};
pub use latency::Latencies;
pub use lines::Lines;
pub use noise::Noise;
pub use work::{Effort, OtherWork, QUERIES};
