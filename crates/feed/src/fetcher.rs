//! One source within one run: what it was asked for, where its files land.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::disk::Dir;
use crate::error::Error;
use crate::path::FeedPath;
use crate::pointer::{POINTER_LIMIT, Pointer};
use crate::transport::{Options, Remarks, Source, Spool, Want, WantKind};

/// A source, and where what comes from it goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetcher<'a> {
    pub(crate) source: &'a Source,
    pub(crate) spool: &'a Dir,
    /// The folder in which caches and parts of downloads outlive the run.
    pub(crate) lasting: Option<&'a Dir>,
    pub(crate) options: &'a Options,
    pub(crate) pointers: &'a Pointers,
}

/// The pointers that a run will look at. Where each request is a session of its own, as with rsync,
/// all are fetched with the first.
#[derive(Debug, Default)]
pub(crate) struct Pointers {
    /// Those that are looked at in this run.
    wanted: RefCell<Vec<FeedPath>>,
    /// Those that lie in the spool already and were not looked at yet.
    fetched: RefCell<BTreeMap<FeedPath, ()>>,
    remarks: RefCell<Remarks>,
}

impl Pointers {
    /// These will be looked at.
    pub(crate) fn want(&self, paths: impl IntoIterator<Item = FeedPath>) {
        let mut wanted = self.wanted.borrow_mut();
        for path in paths {
            if !wanted.contains(&path) {
                wanted.push(path);
            }
        }
    }

    /// Takes note that a pointer is looked at; whether it lies in the spool.
    fn take(&self, path: &FeedPath) -> bool {
        self.fetched.borrow_mut().remove(path).is_some()
    }

    /// The pointers to fetch along with one.
    fn along_with(&self, path: &FeedPath) -> Vec<FeedPath> {
        let mut wanted = self.wanted.borrow_mut();
        let mut paths = std::mem::take(&mut *wanted);
        paths.retain(|other| other != path);
        paths.insert(0, path.clone());
        paths
    }
}

impl Fetcher<'_> {
    /// Fetches one file that never changes.
    pub(crate) fn get(&self, path: &FeedPath, limit: u64) -> Result<Vec<u8>, Error> {
        self.get_want(&Want {
            path: path.clone(),
            limit,
            kind: WantKind::Fixed,
        })
    }

    fn get_want(&self, want: &Want) -> Result<Vec<u8>, Error> {
        let remarks = self.fetch(std::slice::from_ref(want))?;
        self.take(want, &remarks)
    }

    /// Brings files into the spool.
    pub(crate) fn fetch(&self, wants: &[Want]) -> Result<Remarks, Error> {
        let spool = Spool {
            dir: self.spool,
            lasting: self.lasting,
        };
        self.source.fetch(wants, spool, self.options)
    }

    /// Reads a file of the spool.
    pub(crate) fn take(&self, want: &Want, remarks: &Remarks) -> Result<Vec<u8>, Error> {
        self.source.take(want, self.spool, remarks)
    }

    /// Fetches a pointer; pointers are the only files that change under their names.
    pub(crate) fn pointer(&self, path: &FeedPath) -> Result<Pointer, Error> {
        let want = pointer_want(path.clone(), WantKind::Pointer);
        if !self.source.is_rsync() {
            return Pointer::read(path, &self.get_want(&want)?);
        }
        if !self.pointers.take(path) {
            let all = self.pointers.along_with(path);
            let wants: Vec<Want> = all
                .iter()
                .map(|path| pointer_want(path.clone(), WantKind::Pointer))
                .collect();
            *self.pointers.remarks.borrow_mut() = self.fetch(&wants)?;
            let others = all.into_iter().filter(|other| other != path);
            self.pointers
                .fetched
                .borrow_mut()
                .extend(others.map(|other| (other, ())));
        }
        let remarks = self.pointers.remarks.borrow();
        Pointer::read(path, &self.take(&want, &remarks)?)
    }

    /// Fetches a pointer past all caches on the way.
    pub(crate) fn fresh_pointer(&self, path: &FeedPath) -> Result<Pointer, Error> {
        let want = pointer_want(path.clone(), WantKind::FreshPointer);
        Pointer::read(path, &self.get_want(&want)?)
    }

    pub(crate) fn behind(&self, found: u64, known: u64) -> Error {
        Error::Behind {
            source_name: self.source.name(),
            found,
            known,
        }
    }
}

fn pointer_want(path: FeedPath, kind: WantKind) -> Want {
    Want {
        path,
        limit: POINTER_LIMIT,
        kind,
    }
}
