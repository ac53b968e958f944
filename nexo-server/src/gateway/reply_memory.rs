//! Replies in memory until they are read, and never too many of them.

use std::sync::Arc;

use bytes::{Buf, Bytes};
use http::Method;
use nexo_core::model::ErrorCode;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::failure::{Failure, Outcome};
use crate::respond::Reply;

/// What the memory is counted in.
const UNIT: usize = 1024;
/// Up to this size a reply is sent in any case. The cap on connections bounds
/// the sum of these, and probes and log-ins go on being answered.
const SMALL: usize = 16 * 1024;

/// The room for all replies that are not sent yet. Callers who ask for much
/// and read nothing must not fill the memory. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ReplyMemory {
    room: Arc<Semaphore>,
    units: usize,
}

/// The room of one reply; none for one that is sent without.
pub(super) type Room = Option<OwnedSemaphorePermit>;

impl ReplyMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = (bytes / UNIT).min(Semaphore::MAX_PERMITS);
        Self { room: Arc::new(Semaphore::new(units)), units }
    }

    /// How much of it is taken, and how much there is, in bytes.
    pub(crate) fn taken(&self) -> (usize, usize) {
        let free = self.room.available_permits();
        (self.units.saturating_sub(free) * UNIT, self.units * UNIT)
    }

    /// Takes room for a reply.
    pub(super) fn admit(&self, method: &Method, reply: Reply) -> Outcome<(Reply, Room)> {
        let size = reply.body().memory();
        let units = u32::try_from(size.div_ceil(UNIT)).unwrap_or(u32::MAX);
        match self.room.clone().try_acquire_many_owned(units) {
            Ok(room) => Ok((reply, Some(room))),
            // What was written is not to be written again: the caller gets the
            // answer, which is one row.
            Err(_) if size <= SMALL || !method.is_safe() => Ok((reply, None)),
            Err(_) => Err(Failure::of(ErrorCode::Overloaded)),
        }
    }
}

/// The bytes of a reply and their room. Not the body has it but what comes out
/// of it, because hyper ends a body when its bytes are queued, not when they
/// are sent.
#[derive(Debug)]
pub(crate) struct Held {
    bytes: Bytes,
    _room: Room,
}

impl Held {
    pub(super) fn new(bytes: Bytes, room: Room) -> Self {
        Self { bytes, _room: room }
    }

    /// Takes so many from the front; what is left keeps the room.
    pub(crate) fn split_to(&mut self, count: usize) -> Self {
        Self { bytes: self.bytes.split_to(count), _room: None }
    }
}

impl Buf for Held {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}
