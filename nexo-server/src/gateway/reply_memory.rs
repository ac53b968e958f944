//! Replies in memory until they are read, and never too many of them.

use bytes::{Buf, Bytes};
use http::Method;
use nexo_core::model::ErrorCode;

use crate::failure::{Failure, Outcome};
use crate::respond::{Body, Reply};
use crate::traffic::{Holder, Share, Shares};

/// Up to this size a reply is sent in any case, and not counted. The cap on
/// connections bounds the sum of these, and probes and log-ins go on being
/// answered.
const SMALL: usize = 16 * 1024;

/// The room for all replies that are not sent yet. Callers who ask for much
/// and read nothing must not fill the memory, and one account must not take it
/// from the others. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct ReplyMemory {
    all: Shares,
    /// Half of it: files take long, and other replies have room beside them.
    files: Shares,
}

/// The room of one reply.
#[derive(Debug, Default)]
pub(crate) struct Room {
    _all: Option<Share>,
    _of_files: Option<Share>,
}

impl ReplyMemory {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { all: Shares::new(bytes, 0), files: Shares::new(bytes / 2, 0) }
    }

    /// How much of it is taken, and how much there is, in bytes.
    pub(crate) fn taken(&self) -> (usize, usize) {
        self.all.taken()
    }

    /// Takes room for a reply to somebody.
    pub(super) fn admit(
        &self,
        method: &Method,
        holder: Holder,
        reply: Reply,
    ) -> Outcome<(Reply, Room)> {
        let size = reply.body().memory();
        if size <= SMALL {
            return Ok((reply, Room::default()));
        }
        match self.room(holder, size, is_file(reply.body())) {
            Some(room) => Ok((reply, room)),
            // What was written is not to be written again: the caller gets the
            // answer, which is one row.
            None if !method.is_safe() => Ok((reply, Room::default())),
            None => Err(Failure::of(ErrorCode::Overloaded)),
        }
    }

    fn room(&self, holder: Holder, size: usize, is_file: bool) -> Option<Room> {
        let of_files = if is_file { Some(self.files.take(holder, size)?) } else { None };
        Some(Room { _all: Some(self.all.take(holder, size)?), _of_files: of_files })
    }
}

fn is_file(body: &Body) -> bool {
    matches!(body, Body::Pieces { is_file: true, .. })
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
        Self { bytes: self.bytes.split_to(count), _room: Room::default() }
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
