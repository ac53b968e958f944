//! Whether the log still tells what was sealed.

use std::collections::HashMap;
use std::fmt;

use aws_lc_rs::digest::{Context, SHA256};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Error as PgError, Row};
use uuid::Uuid;

use super::AuditRepository;
use crate::db::{Access, Call, Executor, translate};
use crate::error::Result;
use crate::model::{AuditCheckpoint, AuditEntry, Id, Permissions};
use crate::tenant::TenantScope;

/// `$2` the block before these, `$3` how many.
const BLOCKS: &str =
    "select seq, sealed_at, tx, last_id, entries, digests, hash from nexo.audit_seals
     where account_id = $1 and seq > $2 order by seq limit $3";
const LAST: &str = "select seq, sealed_at, hash from nexo.audit_seals
     where account_id = $1 order by seq desc limit 1";
/// `$2` and `$3` the place before these, `$4` and `$5` the last one's. The digest
/// is `nexo.audit_digest`'s, written out: whoever verifies does not ask the
/// database's own function for it.
const ENTRIES: &str = "select e.id, e.tx, sha256(convert_to((jsonb_build_array(e.account_id, e.id, extract(epoch from e.at),
         e.tx, e.action, e.subject, e.record_id, e.user_id, e.session_id, e.reason, e.request_id, e.ip, e.user_agent,
         e.before, e.after)
         || case when e.key_id is null then '[]' else jsonb_build_array(e.key_id) end)::text, 'UTF8'))
     from nexo.audit_log e
     where e.account_id = $1 and (e.tx, e.id) > ($2, $3) and (e.tx, e.id) <= ($4, $5) order by e.tx, e.id";
/// `$2` and `$3` the place of the last one that is sealed.
const UNSEALED: &str =
    "select count(*) from nexo.audit_log where account_id = $1 and (tx, id) > ($2, $3)";
/// Planned each time: one plan for all places would look at what is before them.
const ENTRIES_TYPES: &[Type] = &[Type::UUID, Type::INT8, Type::UUID, Type::INT8, Type::UUID];
const UNSEALED_TYPES: &[Type] = &[Type::UUID, Type::INT8, Type::UUID];

/// Blocks that are read at a time.
const BLOCKS_A_PAGE: i64 = 20;

/// What was found in an account's audit log.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The entries that are as they were sealed.
    pub entries: u64,
    /// Those that are not sealed yet, of which nothing can be told.
    pub unsealed: u64,
    /// The last block: to be kept where nobody who can write to the database
    /// can write to it.
    pub checkpoint: Option<AuditCheckpoint>,
    /// The first thing that is wrong.
    pub fault: Option<AuditFault>,
}

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
            Self::Block(seq) => write!(f, "seal {seq} was changed, removed or inserted"),
            Self::Checkpoint(seq) => {
                write!(f, "seal {seq} of the checkpoint is not there or another one")
            }
        }
    }
}

/// Where an entry stands in the log.
type Place = (i64, Uuid);

struct Block {
    checkpoint: AuditCheckpoint,
    place: Place,
    entries: Vec<Uuid>,
    digests: Vec<Vec<u8>>,
    hash: Vec<u8>,
}

/// An entry as it is now.
struct Entry {
    id: Uuid,
    tx: i64,
    digest: Vec<u8>,
}

impl AuditRepository {
    /// Compares every sealed entry of the scope's account with its seal, and
    /// the seals with each other and with checkpoints of before.
    ///
    /// This finds what was changed, removed or inserted by somebody who did not
    /// make all later seals anew; with checkpoints that were kept elsewhere,
    /// also what was changed before them by somebody who did, and that the end
    /// of the log is missing. It cannot find what was wrong when it was sealed,
    /// nor anything of what is not sealed.
    ///
    /// # Errors
    /// `forbidden` for whoever may not do everything, since they would not see
    /// everything; when the database is away.
    pub async fn verify(&self, scope: &TenantScope, kept: &[AuditCheckpoint]) -> Result<Verified> {
        let mut found = Verified { entries: 0, unsealed: 0, checkpoint: None, fault: None };
        let (mut hash, mut place) = (Vec::new(), (-1, Uuid::nil()));
        let mut seq = 0;
        loop {
            let page = self.blocks(scope, seq).await?;
            if page.is_empty() {
                break;
            }
            // Those that follow each other as they should; the first that does not is told
            // after what is wrong with the entries before it.
            let (mut good, mut fault, before) = (Vec::new(), None, place);
            for block in page {
                let Some(block) = block.filter(|it| it.follows(seq + 1, &hash, place)) else {
                    fault = Some(AuditFault::Block(seq + 1));
                    break;
                };
                let checkpoint = &block.checkpoint;
                (seq, place) = (checkpoint.seq, block.place);
                hash.clone_from(&block.hash);
                let is_another =
                    kept.iter().any(|kept| kept.seq == seq && kept.hash != checkpoint.hash);
                good.push(block);
                if is_another {
                    fault = Some(AuditFault::Checkpoint(seq));
                    break;
                }
            }
            let entries = self.entries(scope, before, place).await?;
            found.fault = compare(&good, &entries).or(fault);
            if found.fault.is_some() {
                return Ok(found);
            }
            found.entries += entries.len() as u64;
            found.checkpoint = good.pop().map(|block| block.checkpoint);
        }
        let missing = kept.iter().filter(|kept| kept.seq > seq).map(|kept| kept.seq).min();
        let foreign = kept.iter().find(|kept| kept.account_id != scope.account_id());
        found.fault = foreign.map(|kept| kept.seq).or(missing).map(AuditFault::Checkpoint);
        let params: [&(dyn ToSql + Sync); 2] = [&place.0, &place.1];
        let count = Call::planned_each_time(UNSEALED, UNSEALED_TYPES, &params);
        let unsealed: i64 =
            self.read(scope, &[count]).await?[0][0].try_get(0).map_err(translate)?;
        found.unsealed = unsealed.try_into().unwrap_or(0);
        Ok(found)
    }

    /// The last seal of the scope's account, after sealing what can be; absent
    /// while there is none.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn checkpoint(&self, scope: &TenantScope) -> Result<Option<AuditCheckpoint>> {
        self.database.scoped_to_account(scope).permit(Permissions::ALL).await?;
        self.database.seal(scope.account_id()).await?;
        let rows = self.read(scope, &[Call::new(LAST, &[])]).await?;
        let read = |row: &Row| -> Result<AuditCheckpoint, PgError> {
            let (seq, at, hash) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
            Ok(AuditCheckpoint { account_id: scope.account_id(), seq, hash: hex(hash), at })
        };
        rows[0].first().map(read).transpose().map_err(translate)
    }

    async fn read(&self, scope: &TenantScope, calls: &[Call<'_>]) -> Result<Vec<Vec<Row>>> {
        self.database.scoped_to_account(scope).run(Access::read(Permissions::ALL), calls).await
    }

    /// The blocks after this one; none in the place of one that cannot be read.
    async fn blocks(&self, scope: &TenantScope, after: i64) -> Result<Vec<Option<Block>>> {
        let params: [&(dyn ToSql + Sync); 2] = [&after, &BLOCKS_A_PAGE];
        let rows = self.read(scope, &[Call::new(BLOCKS, &params)]).await?;
        let block = |row: &Row| -> Result<Block, PgError> {
            let hash: Vec<u8> = row.try_get(6)?;
            Ok(Block {
                checkpoint: AuditCheckpoint {
                    account_id: scope.account_id(),
                    seq: row.try_get(0)?,
                    at: row.try_get(1)?,
                    hash: hex(&hash),
                },
                place: (row.try_get(2)?, row.try_get(3)?),
                entries: row.try_get(4)?,
                digests: row.try_get(5)?,
                hash,
            })
        };
        Ok(rows[0].iter().map(|row| block(row).ok()).collect())
    }

    /// The entries behind one place, up to another.
    async fn entries(&self, scope: &TenantScope, after: Place, to: Place) -> Result<Vec<Entry>> {
        let params: [&(dyn ToSql + Sync); 4] = [&after.0, &after.1, &to.0, &to.1];
        let call = Call::planned_each_time(ENTRIES, ENTRIES_TYPES, &params);
        let rows = self.read(scope, &[call]).await?;
        let entry = |row: &Row| -> Result<Entry, PgError> {
            Ok(Entry { id: row.try_get(0)?, tx: row.try_get(1)?, digest: row.try_get(2)? })
        };
        rows[0].iter().map(entry).collect::<Result<_, _>>().map_err(translate)
    }
}

impl Block {
    /// Whether its hash is that of all it says, behind the block with this hash
    /// and place.
    fn follows(&self, seq: i64, before: &[u8], place: Place) -> bool {
        let mut hash = Context::new(&SHA256);
        hash.update(before);
        hash.update(self.checkpoint.account_id.as_uuid().as_bytes());
        hash.update(&seq.to_be_bytes());
        hash.update(&self.checkpoint.at.as_microsecond().to_be_bytes());
        hash.update(&self.place.0.to_be_bytes());
        hash.update(self.place.1.as_bytes());
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

/// The first entry that is not as it was sealed: the log must have exactly those
/// of the blocks, in their order.
fn compare(blocks: &[Block], entries: &[Entry]) -> Option<AuditFault> {
    let digests: HashMap<Uuid, &[u8]> =
        entries.iter().map(|entry| (entry.id, &entry.digest[..])).collect();
    let mut now = entries.iter();
    for block in blocks {
        for (id, sealed) in block.entries.iter().zip(&block.digests) {
            match digests.get(id) {
                None => return Some(AuditFault::Removed(Id::from_uuid(*id))),
                Some(digest) if *digest != &sealed[..] => {
                    return Some(AuditFault::Changed(Id::from_uuid(*id)));
                }
                Some(_) => {}
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
            if is_last && (next.tx, next.id) != block.place {
                return Some(AuditFault::Block(block.checkpoint.seq));
            }
        }
    }
    now.next().map(|entry| AuditFault::Inserted(Id::from_uuid(entry.id)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
