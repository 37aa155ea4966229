//! The native market for Python: the module `kirmash_market` with the class `Market`. Conversion only: bytes go in and
//! come out as they are, and errors become exceptions. No rule, no order of commands and no storage belongs here.

use pyo3::create_exception;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList};
use std::panic::{AssertUnwindSafe, catch_unwind};

create_exception!(
    kirmash_market,
    MarketFault,
    PyRuntimeError,
    "An assertion of the market does not hold: nothing of the batch may be committed (PS-9). The market answers no more."
);

/// A market decided in Rust: a pure fold over its own numbered commands.
#[pyclass(module = "kirmash_market")]
struct Market {
    inner: market::Market,
}

/// What the core gave: its answer, bytes that it cannot read, or a fault.
fn guarded<T>(work: impl FnOnce() -> Result<T, market::Malformed>) -> PyResult<T> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(malformed)) => Err(PyValueError::new_err(malformed.to_string())),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            Err(MarketFault::new_err(text.unwrap_or("a fault without a message").to_owned()))
        }
    }
}

#[pymethods]
impl Market {
    /// An empty market, or the one of these bytes of `state()`. ValueError where they are no state.
    #[new]
    #[pyo3(signature = (state=None))]
    fn new(py: Python<'_>, state: Option<&[u8]>) -> PyResult<Market> {
        let inner = match state {
            None => market::Market::new(),
            Some(state) => guarded(|| py.detach(|| market::Market::load(state)))?,
        };
        Ok(Market { inner })
    }

    /// Decides one command: a frame in, its events out (EN-2). ValueError where the frame is malformed; nothing has
    /// changed then.
    fn apply<'py>(&mut self, py: Python<'py>, frame: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
        let events = guarded(|| self.inner.apply(frame))?;
        Ok(PyBytes::new(py, events))
    }

    /// Decides commands one after another; the events of each, in order. Where a frame is malformed, those before it
    /// have been decided.
    fn apply_batch<'py>(&mut self, py: Python<'py>, frames: Vec<PyBackedBytes>) -> PyResult<Bound<'py, PyList>> {
        let answers = PyList::empty(py);
        for frame in &frames {
            let events = guarded(|| self.inner.apply(frame))?;
            answers.append(PyBytes::new(py, events))?;
        }
        Ok(answers)
    }

    /// Decides commands whose frames stand one behind the other, each ending where `ends` says. Gives all events
    /// likewise: their bytes, and where those of each command end.
    fn apply_packed<'py>(
        &mut self,
        py: Python<'py>,
        frames: &[u8],
        ends: Vec<usize>,
    ) -> PyResult<(Bound<'py, PyBytes>, Vec<usize>)> {
        let inner = &mut self.inner;
        let (bytes, ends) = guarded(|| py.detach(|| inner.apply_packed(frames, &ends)))?;
        Ok((PyBytes::new(py, &bytes), ends))
    }

    /// The whole state in canonical bytes (EN-4).
    fn state<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = guarded(|| Ok(py.detach(|| self.inner.state())))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// How many orders are open, parked ones included.
    fn open_orders(&self) -> u64 {
        self.inner.open_orders()
    }

    /// Proves every invariant from scratch; for tests. MarketFault with the sentence that does not hold.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.inner.check()).map_err(MarketFault::new_err)
    }
}

#[pymodule]
mod kirmash_market {
    #[pymodule_export]
    use super::{Market, MarketFault};
}
