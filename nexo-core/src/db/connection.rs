//! A connection that is lent, whose borrower may go away meanwhile.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{ClientWrapper, Object};
use tokio::runtime::Handle;
use tokio::time::timeout;

use super::shares::Share;
use super::unprepared::ParameterTypes;

/// How long statements may go on for nobody. Most are done by then, and their
/// connection is worth more than what they still do.
const FOR_NOBODY: Duration = Duration::from_secs(1);

/// Goes back to its pool when dropped: at once if its statements were answered, and
/// otherwise when they are. What takes long for a borrower who is gone is cut off, and
/// PostgreSQL ends it (`client_connection_check_interval`): the next borrower would wait
/// for it.
pub(crate) struct Connection {
    /// There until it is dropped.
    object: Option<Object>,
    /// Given back after the connection: its next owner finds one.
    share: Option<Share>,
    /// Statements are on their way whose answers somebody waits for, or did.
    is_under_way: AtomicBool,
    /// There where nothing may be prepared.
    pub(super) unprepared: Option<ParameterTypes>,
}

impl Connection {
    pub(super) fn new(
        object: Object,
        share: Option<Share>,
        unprepared: Option<ParameterTypes>,
    ) -> Self {
        Self { object: Some(object), share, is_under_way: AtomicBool::new(false), unprepared }
    }

    /// Sends statements and waits for their answers. Whoever stops waiting leaves a
    /// connection behind that nobody gets before it is known to be free.
    pub(super) async fn under_way<R>(&self, statements: impl Future<Output = R>) -> R {
        self.is_under_way.store(true, Ordering::Relaxed);
        let answered = statements.await;
        self.is_under_way.store(false, Ordering::Relaxed);
        answered
    }

    /// Closes it.
    pub(super) fn close(mut self) {
        drop(self.object.take().map(Object::take));
    }
}

impl Deref for Connection {
    type Target = ClientWrapper;

    fn deref(&self) -> &ClientWrapper {
        self.object.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let Some(object) = self.object.take() else { return };
        if !self.is_under_way.load(Ordering::Relaxed) || object.is_closed() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else {
            drop(Object::take(object));
            return;
        };
        let share = self.share.take();
        runtime.spawn(async move {
            // Answered after all that was sent before it.
            if timeout(FOR_NOBODY, object.batch_execute("")).await.is_err() {
                tracing::debug!("statements are cut off whose caller is gone");
                drop(Object::take(object));
            } else {
                drop(object);
            }
            drop(share);
        });
    }
}
