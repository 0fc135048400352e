//! The threads on which the database is spoken to.
//!
//! The actors share one thread, and some of their work (two hundred signatures, a block's proofs) keeps it for milliseconds. A
//! write is some questions and answers behind the pen: on that thread each of them would wait for its turn, and the whole fleet
//! behind it. So the store speaks on threads of its own, where rows are put into words and read, too: two, so that whoever has the
//! pen does not wait while a thousand rows of another answer are read.

use std::{future::Future, io};

use payoutd_actors::ports::StoreFault;
use tokio::{
    runtime::{Builder, Runtime},
    task::JoinHandle,
};

/// How many.
const THREADS: usize = 2;

/// The threads; they end with the store.
pub(super) struct StoreThreads(Option<Runtime>);

impl StoreThreads {
    /// Starts them.
    pub(super) fn start() -> io::Result<Self> {
        let mut builder = Builder::new_multi_thread();
        Ok(Self(Some(builder.worker_threads(THREADS).thread_name("payoutd-store").enable_all().build()?)))
    }

    /// Does work on them. Whoever no longer waits for the answer ends the work, as if it were done where they are.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreFault>> + Send + 'static,
    ) -> Result<T, StoreFault> {
        let Some(handle) = self.0.as_ref().map(Runtime::handle) else { return Err(closed()) };
        let mut task = Task(handle.spawn(work));
        match (&mut task.0).await {
            Ok(answer) => answer,
            Err(ended) => match ended.try_into_panic() {
                // A panic is the caller's, wherever it happened.
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => Err(closed()),
            },
        }
    }
}

fn closed() -> StoreFault {
    StoreFault::Away("the store is closed".to_owned())
}

/// Work that ends when nobody waits for it any more.
struct Task<T>(JoinHandle<T>);

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Drop for StoreThreads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // The last owner may be a task, which must not wait.
            runtime.shutdown_background();
        }
    }
}
