//! Writing it all, in chunks.

use std::ops::Range;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::size::{Demo, Filled, Kind, Progress};
use super::world::World;
use super::{clients, professionals, projects, staff, suppliers, tasks};
use crate::db::{Database, Executor};
use crate::error::Result;
use crate::tenant::TenantScope;

/// Records a statement, and a transaction: more are no faster, and take longer
/// to be given up.
const CHUNK: u32 = 125 * tasks::GROUP;
/// Chunks that are written at the same time, on a connection each. PostgreSQL
/// has most of the work, so a second one helps, and a third does not.
const LANES: usize = 2;

/// Fills the account of the scope.
///
/// `progress` hears of each chunk that is written. A chunk is a transaction: if
/// this fails, or its future is dropped, what was written stays.
///
/// The account should have no employees and no projects yet: theirs have codes
/// that count from 1, so an account that was filled before is refused.
///
/// # Errors
/// `validation_failed`, with `employee_code`, for such an account; what keeps a statement from being done, such
/// as a session of the scope that has ended.
pub async fn fill(
    database: &Database,
    scope: &TenantScope,
    demo: &Demo,
    progress: impl FnMut(Progress),
) -> Result<Filled> {
    let world = &World::new(demo.clone(), scope.account_id());
    let of = Kind::ALL.iter().map(|kind| u64::from(world.count(*kind))).sum();
    let mut report = Report { progress, written: 0, of };
    let executor = &database.scoped(scope);
    let mut filled = Filled::default();

    staff::write(executor, world).await?;
    for kind in [Kind::Department, Kind::Employee] {
        report.written(kind, world.count(kind));
        filled.add(kind, world.count(kind));
    }
    for kind in Kind::CHUNKED {
        let mut written = stream::iter(chunks(world.count(kind)))
            .map(|range| write(executor, world, kind, range))
            .buffer_unordered(LANES);
        while let Some((rows, members)) = written.try_next().await? {
            report.written(kind, rows);
            filled.add(kind, rows);
            filled.project_members += members;
        }
    }
    Ok(filled)
}

fn chunks(rows: u32) -> impl Iterator<Item = Range<u32>> {
    (0..rows).step_by(CHUNK as usize).map(move |start| start..rows.min(start + CHUNK))
}

/// Writes one chunk: how many records, and how many members of projects.
async fn write(
    executor: &impl Executor,
    world: &World,
    kind: Kind,
    range: Range<u32>,
) -> Result<(u32, u64)> {
    let rows = range.end - range.start;
    let members = match kind {
        // Both are written at once, before any chunk.
        Kind::Department | Kind::Employee => 0,
        Kind::Supplier => suppliers::write(executor, world, range).await.map(|()| 0)?,
        Kind::Professional => professionals::write(executor, world, range).await.map(|()| 0)?,
        Kind::Client => clients::write(executor, world, range).await.map(|()| 0)?,
        Kind::Project => projects::write(executor, world, range).await?,
        Kind::Task => tasks::write(executor, world, range).await.map(|()| 0)?,
    };
    Ok((rows, members))
}

struct Report<P> {
    progress: P,
    written: u64,
    of: u64,
}

impl<P: FnMut(Progress)> Report<P> {
    fn written(&mut self, kind: Kind, rows: u32) {
        self.written += u64::from(rows);
        let collection = kind.collection();
        (self.progress)(Progress { collection, written: self.written, of: self.of });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_whole_groups_and_all_rows() {
        let chunks: Vec<_> = chunks(CHUNK * 2 + 3).collect();
        assert_eq!(chunks, [0..CHUNK, CHUNK..CHUNK * 2, CHUNK * 2..CHUNK * 2 + 3]);
        assert_eq!(CHUNK % tasks::GROUP, 0);
    }
}
