//! What Python programs ask for: texts, bytes, numbers, and addresses of `ipaddress`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyString};
use rblmap::{Query, QueryError};

/// Reads one key.
///
/// # Errors
/// `ValueError` for a text that is neither an address nor a name, `TypeError` for anything else.
pub(crate) fn query(key: &Bound<'_, PyAny>) -> PyResult<Query> {
    if let Some(query) = text(key)? {
        return query.map_err(|error| not_a_key(key, error));
    }
    if let Some(address) = number(key)? {
        return Ok(Query::Address(address));
    }
    match packed(key) {
        Some(address) => Ok(Query::Address(address)),
        None => Err(PyTypeError::new_err(format!(
            "an address or name is a str, bytes, int or an address of ipaddress, not {}",
            key.get_type().name()?
        ))),
    }
}

/// A text; none if the object is no text.
pub(crate) fn text(key: &Bound<'_, PyAny>) -> PyResult<Option<Result<Query, QueryError>>> {
    if let Ok(text) = key.cast::<PyString>() {
        // Surrogates stand for bytes that were no UTF-8, as HELO names of spammers have them.
        return Ok(Some(match text.to_str() {
            Ok(text) => Query::parse(text),
            Err(_) => Err(QueryError::NotAscii),
        }));
    }
    if let Ok(bytes) = key.cast::<PyBytes>() {
        let text = std::str::from_utf8(bytes.as_bytes());
        return Ok(Some(match text {
            Ok(text) => Query::parse(text),
            Err(_) => Err(QueryError::NotAscii),
        }));
    }
    Ok(None)
}

fn not_a_key(key: &Bound<'_, PyAny>, error: QueryError) -> PyErr {
    let shown = key.repr().map(|shown| shown.to_string());
    PyValueError::new_err(format!("{}: {error}", shown.unwrap_or_default()))
}

/// A number, as `ipaddress.ip_address` takes it: IPv4 below 2**32, IPv6 from there on.
fn number(key: &Bound<'_, PyAny>) -> PyResult<Option<IpAddr>> {
    if key.is_instance_of::<PyBool>() {
        return Ok(None);
    }
    let Ok(index) = key.call_method0("__index__") else {
        return Ok(None);
    };
    let Ok(number) = index.extract::<u128>() else {
        return Err(PyValueError::new_err(format!("{index} is no address")));
    };
    Ok(Some(match u32::try_from(number) {
        Ok(v4) => Ipv4Addr::from_bits(v4).into(),
        Err(_) => Ipv6Addr::from_bits(number).into(),
    }))
}

/// An address of `ipaddress`, which has its bytes in the order of the network.
fn packed(key: &Bound<'_, PyAny>) -> Option<IpAddr> {
    let packed = key.getattr("packed").ok()?;
    let bytes = packed.cast::<PyBytes>().ok()?.as_bytes();
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        return Some(v4.into());
    }
    <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from)
}
