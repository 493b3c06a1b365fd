//! The reader for Python: what the package `rblmap` is made of, beside `python/rblmap`.
#![cfg(unix)]

mod arrays;
mod errors;
mod key;
mod list;

use pyo3::prelude::*;

/// The compiled half of the package `rblmap`.
#[pymodule]
fn _rblmap(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add("Error", module.py().get_type::<errors::Error>())?;
    module.add_class::<list::List>()?;
    module.add_class::<list::Answer>()?;
    module.add_class::<list::Record>()
}
