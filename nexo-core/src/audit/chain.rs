//! The chain of seals, and what may be wrong with it.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use jiff::Timestamp;
use uuid::Uuid;

use crate::model::{AuditCheckpoint, AuditEntry, Id};

/// Something that is not as it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditFault {
    /// An entry was changed.
    Changed(Id<AuditEntry>),
    /// An entry was removed.
    Removed(Id<AuditEntry>),
    /// An entry was put between those that were sealed.
    Inserted(Id<AuditEntry>),
    /// The fields of an entry are gone, and no entry tells that they were erased.
    Erased(Id<AuditEntry>),
    /// An entry tells that others went which were not as old as it says.
    Expired(Id<AuditEntry>),
    /// A block was changed, removed or put in.
    Block(i64),
    /// The log ends before the block of the checkpoint, or has another one.
    Checkpoint(i64),
}

impl fmt::Display for AuditFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(id) => write!(f, "entry {id} was changed"),
            Self::Removed(id) => write!(f, "entry {id} was removed"),
            Self::Inserted(id) => write!(f, "entry {id} was inserted"),
            Self::Erased(id) => {
                write!(f, "the fields of entry {id} are gone, and no entry tells of it")
            }
            Self::Expired(id) => {
                write!(f, "entry {id} tells of entries that went before their time")
            }
            Self::Block(seq) => write!(f, "seal {seq} was changed, removed or inserted"),
            Self::Checkpoint(seq) => {
                write!(f, "seal {seq} of the checkpoint is not there or another one")
            }
        }
    }
}

/// Where an entry stands in the log.
pub(super) type Place = (i32, i64, Uuid);

/// A seal, and the entries that it is of.
pub(super) struct Block {
    pub(super) checkpoint: AuditCheckpoint,
    pub(super) place: Place,
    pub(super) entries: Vec<Uuid>,
    pub(super) digests: Vec<Vec<u8>>,
    pub(super) hash: Vec<u8>,
}

/// An entry as it is now.
pub(super) struct Entry {
    pub(super) id: Uuid,
    pub(super) place: Place,
    pub(super) digest: Vec<u8>,
    pub(super) erasure: Option<Erasure>,
}

/// That the fields of an entry are said to be erased.
pub(super) struct Erasure {
    pub(super) is_told: bool,
    /// The digest of what is left, of an entry whose own does not tell.
    pub(super) left: Option<Vec<u8>>,
}

/// The last seal that is gone, as an entry tells.
pub(super) struct Anchor {
    pub(super) id: Uuid,
    pub(super) seq: i64,
    pub(super) hash: Vec<u8>,
    pub(super) sealed_at: Timestamp,
    pub(super) is_in_time: bool,
}

impl Block {
    /// Whether its hash is that of all it says, behind the block with this hash
    /// and place.
    pub(super) fn follows(&self, seq: i64, before: &[u8], place: Place) -> bool {
        let mut hash = Context::new(&SHA256);
        hash.update(before);
        hash.update(self.checkpoint.account_id.as_uuid().as_bytes());
        hash.update(&seq.to_be_bytes());
        hash.update(&self.checkpoint.at.as_microsecond().to_be_bytes());
        // What was sealed before there were epochs is of the first.
        if self.place.0 > 1 {
            hash.update(&self.place.0.to_be_bytes());
        }
        hash.update(&self.place.1.to_be_bytes());
        hash.update(self.place.2.as_bytes());
        for (id, digest) in self.entries.iter().zip(&self.digests) {
            hash.update(id.as_bytes());
            hash.update(digest);
        }
        self.checkpoint.seq == seq
            && self.place > place
            && self.entries.len() == self.digests.len()
            && hash.finish().as_ref() == self.hash
    }
}

impl Anchor {
    /// What is wrong with it, or with a checkpoint of what is gone: as far as one is
    /// of an earlier seal, no more can be told than that it was sealed before.
    pub(super) fn fault(&self, kept: &[AuditCheckpoint]) -> Option<AuditFault> {
        if !self.is_in_time {
            return Some(AuditFault::Expired(Id::from_uuid(self.id)));
        }
        let hash = hex(&self.hash);
        let is_wrong = |kept: &&AuditCheckpoint| {
            kept.seq == self.seq && kept.hash != hash || kept.at > self.sealed_at
        };
        let gone = kept.iter().filter(|kept| kept.seq <= self.seq);
        gone.filter(is_wrong).map(|kept| kept.seq).min().map(AuditFault::Checkpoint)
    }
}

impl Entry {
    /// What is wrong with it, by the digest that it was sealed with.
    fn fault(&self, sealed: &[u8]) -> Option<AuditFault> {
        let id = Id::from_uuid(self.id);
        match &self.erasure {
            Some(erasure) if !erasure.is_told => Some(AuditFault::Erased(id)),
            // It was sealed with the fields, or without them already.
            Some(Erasure { left: Some(left), .. }) if self.digest == *left => None,
            _ if self.digest == sealed => None,
            _ => Some(AuditFault::Changed(id)),
        }
    }
}

/// The first entry that is not as it was sealed: the log must have exactly those
/// of the blocks, in their order.
pub(super) fn compare(blocks: &[Block], entries: &[Entry]) -> Option<AuditFault> {
    let by_id: HashMap<Uuid, &Entry> = entries.iter().map(|entry| (entry.id, entry)).collect();
    let mut now = entries.iter();
    for block in blocks {
        for (id, sealed) in block.entries.iter().zip(&block.digests) {
            let Some(entry) = by_id.get(id) else {
                return Some(AuditFault::Removed(Id::from_uuid(*id)));
            };
            let fault = entry.fault(sealed);
            if fault.is_some() {
                return fault;
            }
            // It is there: another one in its place was put before it, and none
            // tells that a block has it twice.
            let Some(next) = now.next() else {
                return Some(AuditFault::Block(block.checkpoint.seq));
            };
            if next.id != *id {
                return Some(AuditFault::Inserted(Id::from_uuid(next.id)));
            }
            let is_last = block.entries.last() == Some(id);
            if is_last && next.place != block.place {
                return Some(AuditFault::Block(block.checkpoint.seq));
            }
        }
    }
    now.next().map(|entry| AuditFault::Inserted(Id::from_uuid(entry.id)))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
