//! The thread that lists are read, built and written on: one at a time for an update, beside the threads that answer and
//! behind them. Whatever the processor has left over is enough for it, and a busy school does not notice an update.
//!
//! What others wait for meanwhile, putting lists in force and going back, is done at the server's own priority
//! ([`in_front`]): behind it, a busy school would wait for it.
//!
//! Left out: a limit on what the disk does, and a second thread for a faster build.
//!
//! Invariant: the priority is the thread's own and that of threads it starts; no other thread of the program is touched.

use crate::ListError;
use rustix::process::setpriority_process;
use std::io;
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// The lowest there is: at a full processor about a seventieth of it, so that an update ends all the same.
const NICE: i32 = 19;
/// How often, and how long in between, it is looked whether somebody still has what is to be let go of.
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Does work on a thread behind those that answer, and gives back what came of it.
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

/// Does short work that others wait for, at the priority of those that answer.
///
/// # Errors
/// [`ListError::Stopped`] where the work ended by panicking, or the program is ending.
pub(crate) async fn in_front<T, F>(work: F) -> Result<T, ListError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|_| ListError::Stopped)
}

/// Starts a thread behind those that answer, for whoever has no runtime to wait in. It is the one of [`in_background`].
///
/// # Errors
/// What the system says where there can be no thread more.
pub fn background_thread<T, F>(work: F) -> io::Result<JoinHandle<T>>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    Builder::new().name("lists".into()).spawn(move || {
        step_back();
        work()
    })
}

/// Lets go of what is no longer in force once nobody else has it, or after ten seconds: giving a whole image back to the
/// system takes a moment, in which a thread that answers would not. Where there can be no thread for it, whoever has it last
/// does.
pub fn let_go<T: Send + Sync + 'static>(old: Arc<T>) {
    let wait = move || {
        for _ in 0..LOOKS {
            if Arc::strong_count(&old) == 1 {
                break;
            }
            std::thread::park_timeout(BETWEEN_LOOKS);
        }
        drop(old);
    };
    if let Err(error) = Builder::new().name("let-go".into()).spawn(wait) {
        tracing::debug!(%error, "there is no thread to let go of old lists");
    }
}

/// setpriority(2): on Linux "nice" is a thread's, and none named is the calling one. Going back takes no right.
fn step_back() {
    if let Err(error) = setpriority_process(None, NICE) {
        tracing::warn!(%error, "lists are put together at the priority of the server");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::process::getpriority_process;

    #[tokio::test]
    async fn what_is_done_in_the_background_stands_behind_and_so_do_the_threads_it_starts() {
        let mine = getpriority_process(None).unwrap();
        let (its, its_own) = in_background(|| {
            let own = std::thread::scope(|scope| {
                scope.spawn(|| getpriority_process(None).unwrap()).join().unwrap()
            });
            (getpriority_process(None).unwrap(), own)
        })
        .await
        .unwrap();
        assert_eq!((its, its_own), (NICE, NICE));
        assert_eq!(getpriority_process(None).unwrap(), mine, "no other thread is touched");
    }

    #[test]
    fn what_others_still_have_is_let_go_of_after_them_and_not_by_them() {
        struct Says(std::sync::mpsc::Sender<Option<String>>);
        impl Drop for Says {
            fn drop(&mut self) {
                let _heard = self.0.send(std::thread::current().name().map(str::to_owned));
            }
        }
        let (says, heard) = std::sync::mpsc::channel();
        let old = Arc::new(Says(says));
        let elsewhere = Arc::clone(&old);
        let_go(old);
        assert!(heard.try_recv().is_err(), "somebody has it");
        drop(elsewhere);
        assert_eq!(heard.recv().unwrap().as_deref(), Some("let-go"));
    }

    #[tokio::test]
    async fn work_that_panics_is_work_that_was_stopped() {
        let none = in_background(|| Vec::<u8>::new().remove(0)).await;
        assert!(matches!(none, Err(ListError::Stopped)));
    }
}
