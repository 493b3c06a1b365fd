//! Structures of other packages.

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr};

use heed::types::Bytes;
use heed::{Database, Env, EnvOpenOptions, RoTxn, WithoutTls};
use poptrie::Poptrie;
use prefix_trie::PrefixMap;
use roaring::RoaringBitmap;

use super::Peer;
use crate::lists::{List, Listed};
use crate::mmdb;

pub(super) fn all(list: &List<u32>) -> Result<Vec<Box<dyn Peer>>, Box<dyn Error>> {
    let runs = &list.runs;
    let mmdb = mmdb::write(runs);
    let mut all: Vec<Box<dyn Peer>> = vec![
        #[cfg(feature = "libmaxminddb")]
        Box::new(super::libmaxminddb::Open::new(&mmdb)?),
        Box::new(MaxMind::new(mmdb)?),
        Box::new(Lmdb::new(runs)?),
        Box::new(Roaring::new(runs)),
        Box::new(Trie::new(runs)),
        Box::new(Compressed::new(runs)),
    ];
    // Exact maps hold single addresses only.
    if runs.iter().all(|run| run.start == run.end) {
        all.push(Box::new(Hash::new(runs)));
        all.push(Box::new(Fst::new(runs)?));
        all.push(Box::new(super::filter::Confirmed::new(runs)?));
    }
    Ok(all)
}

struct MaxMind {
    reader: maxminddb::Reader<Vec<u8>>,
    bytes: usize,
}

impl MaxMind {
    fn new(bytes: Vec<u8>) -> Result<MaxMind, Box<dyn Error>> {
        let len = bytes.len();
        let reader = maxminddb::Reader::from_source(bytes)?;
        Ok(MaxMind { reader, bytes: len })
    }
}

impl Peer for MaxMind {
    fn name(&self) -> &'static str {
        "maxminddb crate"
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn lookup(&self, address: u32) -> u32 {
        let found = self.reader.lookup(IpAddr::V4(Ipv4Addr::from(address)));
        let value = found
            .ok()
            .and_then(|found| found.decode::<u16>().ok().flatten());
        value.map_or(0, u32::from)
    }
}

/// The end of a run is the key, its start and reason the value.
struct Lmdb {
    /// Before the environment: it goes first.
    transaction: RoTxn<'static, WithoutTls>,
    database: Database<Bytes, Bytes>,
    bytes: usize,
    _folder: tempfile::TempDir,
}

impl Lmdb {
    fn new(runs: &[Listed<u32>]) -> Result<Lmdb, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let mut options = EnvOpenOptions::new().read_txn_without_tls();
        options.map_size(16 << 30);
        #[expect(unsafe_code, reason = "mapping a file is a promise")]
        // SAFETY: the file is in a folder of our own that nobody else opens.
        let env: Env<WithoutTls> = unsafe { options.open(folder.path()) }?;
        let mut write = env.write_txn()?;
        let database: Database<Bytes, Bytes> = env.create_database(&mut write, None)?;
        for run in runs {
            let [a, b, c, d] = run.start.to_le_bytes();
            let key = Ipv4Addr::from(run.end).octets();
            let value = [a, b, c, d, run.reason];
            database.put_with_flags(&mut write, heed::PutFlags::APPEND, &key, &value)?;
        }
        write.commit()?;
        let bytes = std::fs::metadata(folder.path().join("data.mdb"))?.len() as usize;
        Ok(Lmdb {
            transaction: env.static_read_txn()?,
            database,
            bytes,
            _folder: folder,
        })
    }
}

impl Peer for Lmdb {
    fn name(&self) -> &'static str {
        "LMDB"
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn lookup(&self, address: u32) -> u32 {
        let key = Ipv4Addr::from(address).octets();
        let found = self
            .database
            .get_greater_than_or_equal_to(&self.transaction, &key);
        match found {
            Ok(Some((_, &[a, b, c, d, reason]))) if u32::from_le_bytes([a, b, c, d]) <= address => {
                reason.into()
            }
            _ => 0,
        }
    }
}

struct Roaring(RoaringBitmap);

impl Roaring {
    fn new(runs: &[Listed<u32>]) -> Roaring {
        let mut set = RoaringBitmap::new();
        for run in runs {
            set.insert_range(run.start..=run.end);
        }
        set.optimize();
        Roaring(set)
    }
}

impl Peer for Roaring {
    fn name(&self) -> &'static str {
        "roaring (no values)"
    }

    fn bytes(&self) -> usize {
        self.0.serialized_size()
    }

    fn has_values(&self) -> bool {
        false
    }

    fn lookup(&self, address: u32) -> u32 {
        self.0.contains(address).into()
    }
}

struct Trie {
    map: PrefixMap<(u32, u8), u8>,
    count: usize,
}

impl Trie {
    fn new(runs: &[Listed<u32>]) -> Trie {
        let (mut map, mut count) = (PrefixMap::new(), 0);
        for run in runs {
            mmdb::each_network(run, |address, bits| {
                map.insert((address, bits as u8), run.reason);
                count += 1;
            });
        }
        Trie { map, count }
    }
}

impl Peer for Trie {
    fn name(&self) -> &'static str {
        "prefix-trie"
    }

    /// An estimate: a node of 20 bytes for each network.
    fn bytes(&self) -> usize {
        self.count * 20
    }

    fn lookup(&self, address: u32) -> u32 {
        self.map
            .get_lpm(&(address, 32))
            .map_or(0, |(_, &reason)| reason.into())
    }
}

/// Six bits of the address a step, counted in two bitmaps of 64 bits.
struct Compressed {
    trie: Poptrie<(u32, u8), u8>,
    bytes: usize,
}

impl Compressed {
    fn new(runs: &[Listed<u32>]) -> Compressed {
        let mut networks = Vec::with_capacity(runs.len());
        for run in runs {
            mmdb::each_network(run, |address, bits| {
                networks.push(((address, bits as u8), run.reason));
            });
        }
        let bytes = Compressed::estimate(&networks);
        let trie = networks.into_iter().collect();
        Compressed { trie, bytes }
    }

    /// What lookups may read, and rather too little: 24 bytes a node, and for each network a leaf of
    /// four and a value of one. What the crate keeps for later insertions is not in it.
    fn estimate(networks: &[((u32, u8), u8)]) -> usize {
        let nodes = |depth: u8| {
            let deep = networks.iter().filter(|((_, bits), _)| *bits >= depth);
            let mut above: Vec<u32> = deep.map(|((at, _), _)| at >> (32 - depth)).collect();
            above.dedup();
            above.len()
        };
        let nodes: usize = [6, 12, 18, 24, 30].map(nodes).into_iter().sum();
        (nodes + 1) * 24 + networks.len() * 5
    }
}

impl Peer for Compressed {
    fn name(&self) -> &'static str {
        "poptrie"
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn lookup(&self, address: u32) -> u32 {
        let found = self.trie.lookup(address);
        found.map_or(0, |&reason| reason.into())
    }
}

struct Hash(hashbrown::HashMap<u32, u8>);

impl Hash {
    fn new(runs: &[Listed<u32>]) -> Hash {
        Hash(runs.iter().map(|run| (run.start, run.reason)).collect())
    }
}

impl Peer for Hash {
    fn name(&self) -> &'static str {
        "hashbrown"
    }

    fn bytes(&self) -> usize {
        self.0.allocation_size()
    }

    fn lookup(&self, address: u32) -> u32 {
        self.0.get(&address).map_or(0, |&reason| reason.into())
    }
}

struct Fst(fst::Map<Vec<u8>>);

impl Fst {
    fn new(runs: &[Listed<u32>]) -> Result<Fst, Box<dyn Error>> {
        let pair = |run: &Listed<u32>| (Ipv4Addr::from(run.start).octets(), run.reason.into());
        Ok(Fst(fst::Map::from_iter(runs.iter().map(pair))?))
    }
}

impl Peer for Fst {
    fn name(&self) -> &'static str {
        "fst"
    }

    fn bytes(&self) -> usize {
        self.0.as_fst().as_bytes().len()
    }

    fn lookup(&self, address: u32) -> u32 {
        let found = self.0.get(Ipv4Addr::from(address).octets());
        found.map_or(0, |reason| reason as u32)
    }
}
