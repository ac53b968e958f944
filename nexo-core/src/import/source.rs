//! The text of an import, a window of it at a time.

use super::state::{State, bigint};
use crate::db::{Access, Call, Database, Executor, translate};
use crate::error::Result;
use crate::model::Permission;
use crate::sheet::{CsvFault, CsvReader, Step};
use crate::tenant::TenantScope;

/// `$2` import, `$3` a place: the pieces from the one that holds it on.
const READ: &str = "select start, content from nexo.import_chunks
     where account_id = $1 and import_id = $2
       and start >= (select max(start) from nexo.import_chunks
                     where account_id = $1 and import_id = $2 and start <= $3)
     order by start limit 2";

/// A part of the text in memory: at most some pieces, whatever the file has.
#[derive(Debug, Default)]
pub(crate) struct Source {
    bytes: Vec<u8>,
    /// The place of the first byte.
    base: u64,
}

/// A record, or what cannot be one.
pub(super) enum Found {
    /// As many bytes, from the record's place on.
    Record(u64),
    /// Empty lines, and their bytes.
    Blank {
        bytes: u64,
        lines: u64,
    },
    End,
    Fault(CsvFault),
    /// The file is not there any more: somebody else has finished with it.
    Gone,
}

impl Source {
    /// Reads the record that begins at `place`, as far as it is in memory.
    pub(super) fn read_here(
        &self,
        reader: &mut CsvReader,
        state: &State,
        place: u64,
    ) -> Option<Found> {
        if place >= state.length {
            return Some(Found::End);
        }
        let skipped = usize::try_from(place.checked_sub(self.base)?).ok()?;
        let bytes = self.bytes.get(skipped..)?;
        let last = self.base + self.bytes.len() as u64 >= state.length;
        match reader.read(bytes, last) {
            Ok(Step::Record(length)) => Some(Found::Record(length as u64)),
            Ok(Step::Blank { bytes, lines }) => Some(Found::Blank { bytes: bytes as u64, lines }),
            Ok(Step::End) => Some(Found::End),
            Ok(Step::More) => None,
            Err(fault) => Some(Found::Fault(fault)),
        }
    }

    /// Reads the record that begins at `place`.
    pub(super) async fn read(
        &mut self,
        database: &Database,
        scope: &TenantScope,
        reader: &mut CsvReader,
        state: &State,
        place: u64,
    ) -> Result<Found> {
        loop {
            if let Some(found) = self.read_here(reader, state, place) {
                return Ok(found);
            }
            if !self.fill(database, scope, state, place).await? {
                return Ok(Found::Gone);
            }
        }
    }

    /// The bytes in memory from this place on; more of them after [`Self::read`].
    pub(super) fn from(&self, place: u64) -> &[u8] {
        let skipped = place.checked_sub(self.base).and_then(|it| usize::try_from(it).ok());
        skipped.and_then(|skipped| self.bytes.get(skipped..)).unwrap_or_default()
    }

    /// Fetches what follows, and forgets what stands before `place`. Whether
    /// there was anything.
    pub(super) async fn fill(
        &mut self,
        database: &Database,
        scope: &TenantScope,
        state: &State,
        place: u64,
    ) -> Result<bool> {
        let end = self.base + self.bytes.len() as u64;
        if (self.base..=end).contains(&place) {
            let skipped = usize::try_from(place - self.base).unwrap_or(usize::MAX);
            self.bytes.drain(..skipped);
        } else {
            self.bytes.clear();
        }
        self.base = place;
        let next = place + self.bytes.len() as u64;
        let (id, wanted) = (state.id(), bigint(next));
        let rows = database
            .scoped_to_account(scope)
            .run(Access::read(Permission::ImportRun), &[Call::new(READ, &[&id, &wanted])])
            .await?;
        let mut fetched = 0;
        for row in &rows[0] {
            let start: i64 = row.try_get(0).map_err(translate)?;
            let content: &[u8] = row.try_get(1).map_err(translate)?;
            let start = u64::try_from(start).unwrap_or_default();
            let have = self.base + self.bytes.len() as u64;
            let known = have.checked_sub(start).and_then(|it| usize::try_from(it).ok());
            if let Some(new) = known.and_then(|known| content.get(known..)) {
                self.bytes.extend_from_slice(new);
                fetched += new.len();
            }
        }
        Ok(fetched > 0)
    }
}
