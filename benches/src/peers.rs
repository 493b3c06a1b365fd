//! What else could hold such a list, behind one interface. Most need the feature `peers`.

#[cfg(feature = "peers")]
mod filter;
#[cfg(feature = "libmaxminddb")]
mod libmaxminddb;
#[cfg(feature = "peers")]
mod others;

use crate::lists::{List, Listed};
use rblmap_measure::OtherWork;

/// A structure that holds a list of IPv4 addresses and their values.
pub trait Peer {
    /// Its name in tables.
    fn name(&self) -> &'static str;
    /// What it takes, in memory or on disk.
    fn bytes(&self) -> usize;
    /// The last byte of the A record of an address, 0 for none; 1 for all in a set.
    fn lookup(&self, address: u32) -> u32;
    /// Whether it holds values, and is not only a set.
    fn has_values(&self) -> bool {
        true
    }
    /// Nanoseconds of a lookup, one at a time. A loop for each structure: nothing is called through
    /// a table of functions but this.
    fn latency(&self, queries: &[u32], work: &OtherWork) -> f64 {
        work.latency(queries, |&address| self.lookup(address))
    }
}

/// All that can hold the list.
///
/// # Errors
/// What a structure cannot be made of.
pub fn all(list: &List<u32>) -> Result<Vec<Box<dyn Peer>>, Box<dyn std::error::Error>> {
    #[cfg(feature = "peers")]
    let others = others::all(list)?;
    #[cfg(not(feature = "peers"))]
    let others = Vec::new();
    let own: Box<dyn Peer> = Box::new(SortedArray::new(&list.runs));
    Ok(others.into_iter().chain([own]).collect())
}

/// The one that has a gate, if its library is there.
///
/// # Errors
/// What it cannot be made of.
#[cfg_attr(not(feature = "libmaxminddb"), expect(unused_variables))]
pub fn with_a_gate(list: &List<u32>) -> Result<Vec<Box<dyn Peer>>, Box<dyn std::error::Error>> {
    Ok(vec![
        #[cfg(feature = "libmaxminddb")]
        Box::new(libmaxminddb::Open::new(&crate::mmdb::write(&list.runs))?),
    ])
}

/// Ends of runs in order, searched by halves.
struct SortedArray {
    starts: Vec<u32>,
    ends: Vec<u32>,
    reasons: Vec<u8>,
}

impl SortedArray {
    fn new(runs: &[Listed<u32>]) -> SortedArray {
        SortedArray {
            starts: runs.iter().map(|run| run.start).collect(),
            ends: runs.iter().map(|run| run.end).collect(),
            reasons: runs.iter().map(|run| run.reason).collect(),
        }
    }
}

impl Peer for SortedArray {
    fn name(&self) -> &'static str {
        "sorted array"
    }

    fn bytes(&self) -> usize {
        self.ends.len() * 9
    }

    fn lookup(&self, address: u32) -> u32 {
        let at = self.ends.partition_point(|&end| end < address);
        match self.starts.get(at) {
            Some(&start) if start <= address => self.reasons[at].into(),
            _ => 0,
        }
    }
}
