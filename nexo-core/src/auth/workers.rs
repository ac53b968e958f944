//! Threads for what takes long and must not wait for a thread.

use std::panic::AssertUnwindSafe;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::{io, panic, thread};

use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// A few threads, made once. A runtime makes its own when they are needed, which the
/// system may refuse just then; a job would lie there, with all that it holds, until
/// another one comes. These end with the last handle.
pub(super) struct Workers(Sender<Job>);

impl Workers {
    pub(super) fn start(count: usize) -> io::Result<Self> {
        let (jobs, next) = mpsc::channel();
        let next = Arc::new(Mutex::new(next));
        for _ in 0..count {
            let next = next.clone();
            thread::Builder::new().name("nexo-passwords".to_owned()).spawn(move || work(&next))?;
        }
        Ok(Self(jobs))
    }

    /// Does a job on one of the threads, to its end, whether or not somebody still waits
    /// for it; none if it panicked.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce() -> R + Send + 'static,
    ) -> Option<R> {
        let (tell, told) = oneshot::channel();
        self.0.send(Box::new(move || drop(tell.send(job())))).ok()?;
        told.await.ok()
    }
}

fn work(next: &Mutex<Receiver<Job>>) {
    loop {
        // The lock is given up before the job is done.
        let job = next.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // It costs that job alone: who waits for it is told, and what it held is free.
        drop(panic::catch_unwind(AssertUnwindSafe(job)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F22: a job that panics costs itself, not the thread.
    #[tokio::test]
    async fn f22_a_panic_costs_one_job() {
        let workers = Workers::start(1).expect("a thread");
        let failed: Option<()> = workers.run(|| panic!("on purpose")).await;
        assert_eq!(failed, None);
        assert_eq!(workers.run(|| thread::current().name().map(str::to_owned)).await, {
            Some(Some("nexo-passwords".to_owned()))
        });
    }
}
