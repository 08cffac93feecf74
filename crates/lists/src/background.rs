//! The thread that lists are read, built and written on: one at a time for an update, beside the threads that answer.
//!
//! Left out: a priority of its own behind those that answer, a limit on what the disk does, and a second thread for a faster
//! build.

use crate::ListError;
use std::io;
use std::thread::{Builder, JoinHandle};

/// Does work on a thread beside those that answer, and gives back what came of it.
///
/// # Errors
/// [`ListError::NoThread`], and [`ListError::Stopped`] where the work ended by panicking.
pub async fn in_background<T, F>(work: F) -> Result<T, ListError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    let (tell, told) = tokio::sync::oneshot::channel();
    // Whoever asked may be gone by the end; then what came of it is dropped here.
    let thread = background_thread(move || drop(tell.send(work()))).map_err(ListError::NoThread)?;
    drop(thread);
    told.await.map_err(|_| ListError::Stopped)
}

/// Starts a thread beside those that answer, for whoever has no runtime to wait in. It is the one of [`in_background`].
///
/// # Errors
/// What the system says where there can be no thread more.
pub fn background_thread<T, F>(work: F) -> io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    Builder::new().name("lists".into()).spawn(work)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_panics_is_work_that_was_stopped() {
        let none = in_background(|| Vec::<u8>::new().remove(0)).await;
        assert!(matches!(none, Err(ListError::Stopped)));
    }
}
