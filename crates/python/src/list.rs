//! Lists, and the answers of lookups.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyType};
use rblmap::{Live, LiveSet, Query, TextBuf, Timestamp, Zone};

use crate::arrays::Addresses;
use crate::errors::raise;
use crate::key;

/// Readers that are kept for the next lookup.
const IDLE: usize = 8;
/// Keys of a list that are read and looked up at a time: a name takes a quarter of a kilobyte.
const GROUP: usize = 1024;

/// A zone of a list that is followed. Any number of threads may use it, and children after a fork.
#[pyclass(subclass, frozen, module = "rblmap", name = "_List")]
pub(crate) struct List {
    /// Locked only while the GIL is held, which a fork waits for: no child finds it locked.
    inner: Mutex<Option<Inner>>,
}

struct Inner {
    live: Live,
    zone: String,
    idle: Vec<LiveSet>,
}

#[pymethods]
impl List {
    #[new]
    #[pyo3(signature = (path, zone=None, *, subzone=None, copy=false, wait=false))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        zone: Option<&str>,
        subzone: Option<&str>,
        copy: bool,
        wait: bool,
    ) -> PyResult<List> {
        let mut builder = match zone {
            Some(zone) => Live::builder(&path, zone),
            None => Live::builder_of_image(&path),
        };
        if wait {
            builder = builder.wait();
        }
        let open = || {
            if copy {
                return builder.read();
            }
            #[expect(unsafe_code, reason = "mapping is a promise about the files")]
            // SAFETY: the documentation of `rblmap.open` asks the caller for the promise.
            unsafe {
                builder.map()
            }
        };
        let live = py.detach(open).map_err(|error| raise(&error))?;
        let zone = subzone.unwrap_or("@").to_owned();
        let mut set = LiveSet::new();
        set.add(&live, &zone).map_err(|error| raise(&error))?;
        let idle = vec![set];
        Ok(List {
            inner: Mutex::new(Some(Inner { live, zone, idle })),
        })
    }

    /// What an address or name is listed with.
    fn _lookup(&self, key: &Bound<'_, PyAny>) -> PyResult<Answer> {
        let query = key::query(key)?;
        self.with(|set| Ok(answer(set, &query)))
    }

    /// A byte for each address of a buffer; None if the object has no buffer.
    fn _lookup_buffer<'py>(
        &self,
        py: Python<'py>,
        object: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyByteArray>>> {
        let Some(addresses) = Addresses::of(object)? else {
            return Ok(None);
        };
        let listed = self.with(|set| match newest(set) {
            Some(zone) => addresses.listed(py, zone),
            None => Ok(PyByteArray::new(py, &vec![0; addresses.len()])),
        });
        listed.map(Some)
    }

    /// True, False or None for each text; None for what is neither an address nor a name.
    fn _lookup_texts<'py>(
        &self,
        py: Python<'py>,
        keys: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyList>> {
        let mut all = Vec::with_capacity(keys.len().unwrap_or(0));
        let mut keys = keys.try_iter()?;
        self.with(|set| {
            let zone = newest(set);
            let mut group = Vec::with_capacity(GROUP);
            loop {
                group.clear();
                for key in keys.by_ref().take(GROUP) {
                    group.push(query_of(py, &key?)?);
                }
                if group.is_empty() {
                    return PyList::new(py, all);
                }
                py.detach(|| look_up(zone, &group, &mut all));
            }
        })
    }

    /// Whether answers count at a time: 0 fresh to 4 waiting.
    #[pyo3(signature = (now=None))]
    fn _freshness(&self, now: Option<f64>) -> PyResult<u8> {
        let now = time(now)?;
        self.with(|set| {
            let found = set.freshness(0, now);
            found.map(number).ok_or_else(|| lost(set))
        })
    }

    /// Looks at the folder at once; whether there is another image than before.
    fn refresh(&self, py: Python<'_>) -> PyResult<bool> {
        let live = self.live()?;
        if let Some(inner) = &mut *self.lock() {
            inner.idle.clear();
        }
        py.detach(|| live.refresh()).map_err(|error| raise(&error))
    }

    /// Where the list stands, as a dictionary.
    #[pyo3(signature = (now=None))]
    fn _status<'py>(&self, py: Python<'py>, now: Option<f64>) -> PyResult<Bound<'py, PyDict>> {
        let now = time(now)?;
        let live = self.live()?;
        let status = py.detach(|| live.status(now));
        let page = status.page.unwrap_or_default();
        let out = PyDict::new(py);
        out.set_item("freshness", number(status.freshness))?;
        out.set_item("problem", status.problem.map(|problem| problem.to_string()))?;
        out.set_item("held", page.held)?;
        out.set_item("serial", status.image.serial())?;
        out.set_item("created", status.image.created())?;
        out.set_item("generation", page.generation)?;
        out.set_item("stale_from", page.stale_from)?;
        out.set_item("expired_from", page.expired_from)?;
        out.set_item("checked", page.checked)?;
        Ok(out)
    }

    /// The names of the zones in the image, "@" for the base.
    fn zones(&self) -> PyResult<Vec<String>> {
        let image = std::sync::Arc::clone(self.live()?.reader().image());
        let zones = image.zones().map(|zone| match zone?.name().to_string() {
            base if base.is_empty() => Ok("@".to_owned()),
            name => Ok(name),
        });
        let zones: Result<Vec<String>, rblmap::Error> = zones.collect();
        zones.map_err(|error| raise(&error))
    }

    /// Gives maps and descriptors back. Closing twice does nothing.
    fn close(&self) {
        *self.lock() = None;
    }

    /// Whether the list was closed.
    #[getter]
    fn closed(&self) -> bool {
        self.lock().is_none()
    }
}

impl List {
    fn lock(&self) -> MutexGuard<'_, Option<Inner>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) -> PyResult<Live> {
        let inner = self.lock();
        let inner = inner.as_ref().ok_or_else(closed)?;
        Ok(inner.live.clone())
    }

    /// Runs with a reader of its own, so that no thread gets the answer of another.
    fn with<T>(&self, run: impl FnOnce(&mut LiveSet) -> PyResult<T>) -> PyResult<T> {
        let mut set = self.take()?;
        let result = run(&mut set);
        if let Some(inner) = &mut *self.lock()
            && inner.idle.len() < IDLE
        {
            inner.idle.push(set);
        }
        result
    }

    fn take(&self) -> PyResult<LiveSet> {
        let mut inner = self.lock();
        let inner = inner.as_mut().ok_or_else(closed)?;
        if let Some(set) = inner.idle.pop() {
            return Ok(set);
        }
        let mut set = LiveSet::new();
        let added = set.add(&inner.live, &inner.zone);
        added.map_err(|error| raise(&error))?;
        Ok(set)
    }
}

/// What one of many keys asks for; none for what is no key.
fn query_of(py: Python<'_>, key: &Bound<'_, PyAny>) -> PyResult<Option<Query>> {
    match key::text(key)? {
        Some(query) => Ok(query.ok()),
        None if key.is_none() => Ok(None),
        None => match key::query(key) {
            Ok(query) => Ok(Some(query)),
            // A number that is no address is no key, as such a text is.
            Err(error) if error.is_instance_of::<PyValueError>(py) => Ok(None),
            Err(error) => Err(error),
        },
    }
}

/// Looks the keys of a group up, those of IPv4 at once.
fn look_up(zone: Option<&Zone<'_>>, group: &[Option<Query>], all: &mut Vec<Option<bool>>) {
    let v4 = |query: &Query| match query {
        Query::Address(IpAddr::V4(address)) => Some(address.to_bits()),
        _ => None,
    };
    let addresses: Vec<u32> = group.iter().flatten().filter_map(v4).collect();
    let mut listed = [false; GROUP];
    if let Some(zone) = zone {
        zone.contains_v4_many(&addresses, &mut listed);
    }
    let mut listed = listed.into_iter();
    for query in group {
        let is_listed = |query: &Query| match v4(query) {
            Some(_) => listed.next().unwrap_or_default(),
            None => zone.is_some_and(|zone| query.lookup(zone).is_listed()),
        };
        all.push(query.as_ref().map(is_listed));
    }
}

/// The zone of the newest image; none while there is no image.
fn newest(set: &mut LiveSet) -> Option<&Zone<'_>> {
    set.renew();
    set.zone(0)
}

fn answer(set: &mut LiveSet, query: &Query) -> Answer {
    set.renew();
    let Some(answer) = set.answer(0, query) else {
        return Answer::default();
    };
    let records = answer.records().map(|record| {
        let mut buffer = TextBuf::new();
        Record {
            a: record.a(),
            text: record.txt(&mut buffer).map(<[u8]>::to_vec),
        }
    });
    Answer {
        listed: answer.is_listed(),
        records: records.collect(),
        network: answer.network().map(|network| network.to_string()),
        reply: answer.reply("").to_string(),
    }
}

fn number(freshness: rblmap::Freshness) -> u8 {
    freshness as u8
}

fn time(now: Option<f64>) -> PyResult<Timestamp> {
    match now {
        None => Ok(Timestamp::now()),
        Some(now) => {
            let since = std::time::Duration::try_from_secs_f64(now);
            let since = since.map_err(|error| PyValueError::new_err(error.to_string()))?;
            Ok(Timestamp::from(since.as_secs()))
        }
    }
}

fn closed() -> PyErr {
    PyValueError::new_err("the list is closed")
}

fn lost(set: &LiveSet) -> PyErr {
    match set.problem(0) {
        Some(problem) => raise(&problem),
        None => closed(),
    }
}

/// What a key is listed with. True if it is listed.
#[pyclass(frozen, module = "rblmap")]
#[derive(Debug, Default)]
pub(crate) struct Answer {
    listed: bool,
    records: Vec<Record>,
    network: Option<String>,
    reply: String,
}

/// An A record and a text; either may be None.
#[pyclass(frozen, module = "rblmap", skip_from_py_object)]
#[derive(Debug, Clone)]
pub(crate) struct Record {
    a: Option<Ipv4Addr>,
    text: Option<Vec<u8>>,
}

/// What `pickle` asks for: what makes an object anew, and of what.
type Reduced<'py, Parts> = (Bound<'py, PyType>, Parts);
type AnswerParts<'a> = (bool, Vec<Record>, Option<&'a str>, &'a str);
type RecordParts<'py> = (Option<Ipv4Addr>, Option<Bound<'py, PyBytes>>);

#[pymethods]
impl Answer {
    /// An answer that another process sent; lookups make all others.
    #[new]
    fn new(
        listed: bool,
        records: Vec<PyRef<'_, Record>>,
        network: Option<String>,
        reply: String,
    ) -> Answer {
        Answer {
            listed,
            records: records.iter().map(|record| (**record).clone()).collect(),
            network,
            reply,
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Reduced<'py, AnswerParts<'_>> {
        let parts = (
            self.listed,
            self.records(),
            self.network(),
            self.reply.as_str(),
        );
        (py.get_type::<Answer>(), parts)
    }

    /// Whether the key is listed: at least one record has an A record.
    #[getter]
    fn listed(&self) -> bool {
        self.listed
    }

    /// The records.
    #[getter]
    fn records(&self) -> Vec<Record> {
        self.records.clone()
    }

    /// The widest network around the address in which all addresses have this answer,
    /// "192.0.2.0/24": not always a line of the list. None for names and if not listed.
    #[getter]
    fn network(&self) -> Option<&str> {
        self.network.as_deref()
    }

    /// The A records as texts.
    #[getter]
    fn codes(&self) -> Vec<String> {
        let a = self.records.iter().filter_map(|record| record.a);
        a.map(|a| a.to_string()).collect()
    }

    /// A line for the reply of a mail server: the prefix, then the first text, in printable ASCII,
    /// at most 510 characters.
    #[pyo3(signature = (prefix=""))]
    fn reply(&self, prefix: &str) -> String {
        let bytes = prefix.bytes().chain(self.reply.bytes()).take(510);
        let shown = bytes.map(|b| if matches!(b, b' '..=b'~') { b } else { b'?' });
        shown.map(char::from).collect()
    }

    fn __bool__(&self) -> bool {
        self.listed
    }

    fn __len__(&self) -> usize {
        self.records.len()
    }

    fn __getitem__(&self, index: isize) -> PyResult<Record> {
        let at = if index < 0 {
            self.records.len().checked_add_signed(index)
        } else {
            usize::try_from(index).ok()
        };
        let record = at.and_then(|at| self.records.get(at)).cloned();
        record.ok_or_else(|| pyo3::exceptions::PyIndexError::new_err("no such record"))
    }

    fn __repr__(&self) -> String {
        match self.listed {
            false => "<rblmap.Answer: not listed>".to_owned(),
            true => format!("<rblmap.Answer: listed {}>", self.codes().join(", ")),
        }
    }
}

#[pymethods]
impl Record {
    /// A record that another process sent.
    #[new]
    fn new(a: Option<IpAddr>, text: Option<Vec<u8>>) -> PyResult<Record> {
        match a {
            Some(IpAddr::V6(_)) => Err(PyValueError::new_err("an A record is an IPv4 address")),
            Some(IpAddr::V4(a)) => Ok(Record { a: Some(a), text }),
            None => Ok(Record { a: None, text }),
        }
    }

    fn __reduce__<'py>(&self, py: Python<'py>) -> Reduced<'py, RecordParts<'py>> {
        (py.get_type::<Record>(), (self.a, self.text(py)))
    }

    /// The A record, an ipaddress.IPv4Address, or None.
    #[getter]
    fn a(&self) -> Option<Ipv4Addr> {
        self.a
    }

    /// The text, any bytes, or None.
    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let text = self.text.as_ref()?;
        Some(PyBytes::new(py, text))
    }

    fn __repr__(&self) -> String {
        let a = self.a.map_or("None".to_owned(), |a| a.to_string());
        let text = self.text.as_deref().unwrap_or_default();
        format!("<rblmap.Record {a} {:?}>", String::from_utf8_lossy(text))
    }
}
