//! Errors of the reader as Python has them.

use std::ffi::CString;

use pyo3::exceptions::{PyException, PyOSError};
use pyo3::prelude::*;

pyo3::create_exception!(
    rblmap,
    Error,
    PyException,
    "A file that is no image, is damaged, of another zone or of a newer format; no such zone."
);

/// What the system says is an `OSError` of the right kind with `errno` and `filename`; all else an
/// `rblmap.Error`.
pub(crate) fn raise(error: &rblmap::Error) -> PyErr {
    let code = error.io().and_then(std::io::Error::raw_os_error);
    match (code, error.path()) {
        (Some(code), Some(path)) => {
            let text = CString::new(error.clone().without_path().to_string());
            let text = text.unwrap_or_default().to_string_lossy().into_owned();
            PyOSError::new_err((code, text, path.to_owned()))
        }
        _ => Error::new_err(error.to_string()),
    }
}
