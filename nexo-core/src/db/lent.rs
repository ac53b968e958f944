//! A connection that is lent to one flush, whose caller may go away meanwhile.

use std::ops::Deref;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::pool::Connection;

/// How long statements may go on for nobody. Most are done by then, and their
/// connection is worth more than what they still do.
const FOR_NOBODY: Duration = Duration::from_secs(1);

/// Goes back to its pool when dropped: at once if its statements were answered, and
/// otherwise when they are. What takes long for a caller who is gone is cut off, and
/// PostgreSQL ends it (`client_connection_check_interval`).
pub(super) struct Lent {
    connection: Option<Connection>,
    answered: bool,
}

impl Lent {
    pub(super) const fn new(connection: Connection) -> Self {
        Self { connection: Some(connection), answered: false }
    }

    /// Nothing is on its way any more.
    pub(super) fn answered(mut self) {
        self.answered = true;
    }
}

impl Deref for Lent {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.answered || connection.is_closed() {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        runtime.spawn(async move {
            // Answered after all that was sent before it.
            let last = timeout(FOR_NOBODY, connection.batch_execute("")).await;
            if last.is_err() {
                tracing::debug!("statements are cut off whose caller is gone");
                // Out of the pool, which closes it.
                connection.close();
            }
        });
    }
}
