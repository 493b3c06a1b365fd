//! Many addresses at once, by the buffer protocol.

use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::buffer::PyBuffer;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyByteArray;
use rblmap::Zone;

/// Addresses that are asked at a time.
const BATCH: usize = 1024;

/// Numbers in a buffer that another thread of Python may write to meanwhile.
pub(crate) struct Addresses {
    /// Keeps the memory.
    _buffer: PyBuffer<u32>,
    first: Place,
    count: usize,
}

#[derive(Clone, Copy)]
struct Place(*const u32);

#[expect(
    unsafe_code,
    reason = "the memory of a buffer goes to a thread without the GIL"
)]
// SAFETY: the place is only read, atomically.
unsafe impl Send for Place {}

impl Addresses {
    /// Takes an object with one row of `uint32`; `None` if it has no buffer at all.
    ///
    /// # Errors
    /// `TypeError` for numbers of another kind, rows of rows, and numbers that do not lie side by
    /// side.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Option<Addresses>> {
        let buffer = match PyBuffer::<u32>::get(object) {
            Ok(buffer) => buffer,
            Err(error) if error.is_instance_of::<PyTypeError>(object.py()) => return Ok(None),
            Err(_) => {
                let what = "addresses are uint32 in the byte order of the machine, 192.0.2.1 \
                            as 0xc0000201";
                return Err(PyTypeError::new_err(what));
            }
        };
        if buffer.dimensions() != 1 || !buffer.is_c_contiguous() {
            let what = "addresses lie side by side in one row: use numpy.ascontiguousarray";
            return Err(PyValueError::new_err(what));
        }
        Ok(Some(Addresses {
            first: Place(buffer.buf_ptr().cast::<u32>().cast_const()),
            count: buffer.item_count(),
            _buffer: buffer,
        }))
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Looks all up, from the first to the last, without the GIL: a byte array of 0 and 1.
    pub(crate) fn listed<'py>(
        &self,
        py: Python<'py>,
        zone: &Zone<'_>,
    ) -> PyResult<Bound<'py, PyByteArray>> {
        let (first, count) = (self.first, self.count);
        PyByteArray::new_with(py, self.len(), |out| {
            py.detach(move || look_up(first, count, zone, out));
            Ok(())
        })
    }
}

fn look_up(first: Place, count: usize, zone: &Zone<'_>, out: &mut [u8]) {
    let mut addresses = [0; BATCH];
    let mut listed = [false; BATCH];
    for (start, out) in (0..count).step_by(BATCH).zip(out.chunks_mut(BATCH)) {
        for (place, address) in addresses.iter_mut().take(out.len()).enumerate() {
            *address = first.read(start + place);
        }
        let part = addresses.get(..out.len()).unwrap_or_default();
        zone.contains_v4_many(part, &mut listed);
        for (out, listed) in out.iter_mut().zip(listed) {
            *out = listed.into();
        }
    }
}

impl Place {
    /// The number at a place less than the count that came with this one.
    #[inline]
    fn read(self, at: usize) -> u32 {
        #[expect(unsafe_code, reason = "memory that another thread may write")]
        // SAFETY: within the buffer, says the caller.
        let place = unsafe { self.0.add(at) }.cast_mut();
        #[expect(unsafe_code, reason = "memory that another thread may write")]
        // SAFETY: buffers of `uint32` are aligned, which PyO3 checks, and the caller keeps the
        // buffer; other threads of Python may write there, which an atomic load allows for.
        let word = unsafe { AtomicU32::from_ptr(place) };
        word.load(Ordering::Relaxed)
    }
}
