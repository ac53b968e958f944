//! Groups of statements in one transaction, of which some may fail.
//!
//! A savepoint for each group would be the plain way, and costs: each is a
//! transaction of its own, and each of them that refers to the account's row
//! locks it anew, for which PostgreSQL keeps a list of all lockers. So groups go
//! in blocks, with one savepoint after each block. When a group fails, its block
//! is undone and done again without it. Only where many fail, each of the rest
//! goes alone.

use std::collections::BTreeMap;

use deadpool_postgres::ClientWrapper;
use tokio_postgres::{Error as PgError, Row};

use super::flush::Ready;
use super::retry::was_in_the_way;
use super::sqlstate::{is_passing, translate};
use super::transaction::Answered;
use crate::error::{Error, Result};

pub(super) const SAVEPOINT: &str = "SAVEPOINT group_of_calls";
/// One in the place of the other: nested ones would make each row dearer.
const NEXT: &str = "RELEASE SAVEPOINT group_of_calls; SAVEPOINT group_of_calls";
pub(super) const BACK: &str = "ROLLBACK TO SAVEPOINT group_of_calls";

/// Groups of a block.
const BLOCK: usize = 50;
/// After as many failures each group goes alone.
const FAILURES: usize = 4;

/// What becomes of the groups after one that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterFailure {
    /// They are done all the same.
    GoOn,
    /// Nothing is done any more; the caller rolls back.
    End,
}

/// A statement of the plan.
pub(super) enum Step<'a> {
    Plain(&'a str),
    Call(&'a Ready<'a>),
}

impl Step<'_> {
    pub(super) async fn run(&self, connection: &ClientWrapper) -> Result<Vec<Row>, PgError> {
        match self {
            Self::Plain(sql) => connection.batch_execute(sql).await.map(|()| Vec::new()),
            Self::Call(ready) => ready.run(connection).await,
        }
    }
}

/// How far the groups are.
pub(super) struct GroupRun<'a> {
    groups: &'a [Vec<Ready<'a>>],
    /// Of the groups that are settled, in order.
    done: Vec<Result<Answered>>,
    /// Of groups after these that are known to fail.
    failed: BTreeMap<usize, Error>,
    failures: usize,
    after_failure: AfterFailure,
    ended: bool,
}

/// Groups, by their numbers, with a savepoint after them.
type Blocks = Vec<Vec<usize>>;

impl<'a> GroupRun<'a> {
    pub(super) fn new(groups: &'a [Vec<Ready<'a>>], after_failure: AfterFailure) -> Self {
        let done = Vec::with_capacity(groups.len());
        let failed = BTreeMap::new();
        Self { groups, done, failed, failures: 0, after_failure, ended: false }
    }

    fn is_each_alone(&self) -> bool {
        self.failures >= FAILURES
    }

    /// Adds what is still to be done.
    pub(super) fn plan(&self, steps: &mut Vec<Step<'a>>) -> Blocks {
        let left = self.done.len()..self.groups.len();
        let left: Vec<usize> = left.filter(|at| !self.failed.contains_key(at)).collect();
        let alone = self.is_each_alone();
        let blocks: Blocks =
            left.chunks(if alone { 1 } else { BLOCK }).map(<[usize]>::to_vec).collect();
        for block in &blocks {
            steps.extend(block.iter().flat_map(|at| &self.groups[*at]).map(Step::Call));
            steps.push(Step::Plain(NEXT));
            if alone {
                // After a group that succeeded that is the savepoint just made,
                // so nothing is undone. After one that failed it could not be
                // made, and the one before is still there. Which of the two
                // needs no decision on this side of the wire.
                steps.push(Step::Plain(BACK));
            }
        }
        blocks
    }

    /// Takes the answers to what was planned, up to a failure.
    pub(super) fn read(
        &mut self,
        blocks: Blocks,
        mut answers: impl Iterator<Item = Result<Vec<Row>, PgError>>,
    ) -> Result<()> {
        let alone = self.is_each_alone();
        for block in blocks {
            let mut answered: Vec<(usize, Result<Answered, PgError>)> = Vec::new();
            for at in block {
                // All of them: the next group's answers come after these.
                let rows: Vec<_> = answers.by_ref().take(self.groups[at].len()).collect();
                answered.push((at, rows.into_iter().collect()));
            }
            // The savepoint's answer is that of the block; the way back must
            // always be found.
            let next = answers.next();
            if alone && let Some(Err(lost)) = answers.next() {
                return Err(translate(lost));
            }
            let first = answered.iter().position(|(_, rows)| rows.is_err());
            match first {
                None => {
                    if let Some(Err(error)) = next {
                        return Err(translate(error));
                    }
                    for (at, rows) in answered {
                        self.settle_failed_before(at);
                        self.done.push(rows.map_err(translate));
                    }
                }
                Some(first) => {
                    let rest = answered.split_off(first);
                    let Some((at, Err(error))) = rest.into_iter().next() else { continue };
                    // The connection is lost, or the transaction was in another's way
                    // and is run again as a whole.
                    if error.code().is_none_or(was_in_the_way) {
                        return Err(translate(error));
                    }
                    // What is no fault of the group would stand in an answer that is kept.
                    let goes_on = self.after_failure == AfterFailure::GoOn;
                    if goes_on && error.code().is_some_and(is_passing) {
                        return Err(translate(error));
                    }
                    if self.after_failure == AfterFailure::End {
                        // Everything is rolled back, and this is what it was.
                        self.done.extend(answered.into_iter().map(|it| it.1.map_err(translate)));
                        self.done.push(Err(translate(error)));
                        self.ended = true;
                        return Ok(());
                    }
                    self.failures += 1;
                    self.failed.insert(at, translate(error));
                    if !alone {
                        return Ok(());
                    }
                }
            }
        }
        self.settle_failed_before(self.groups.len());
        Ok(())
    }

    /// The groups before this one that are not done have failed.
    fn settle_failed_before(&mut self, at: usize) {
        while self.done.len() < at {
            match self.failed.remove(&self.done.len()) {
                Some(error) => self.done.push(Err(error)),
                None => break,
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.ended || self.done.len() == self.groups.len()
    }

    /// What came of each group; after an end, of those up to the one that failed.
    pub(super) fn into_results(self) -> Vec<Result<Answered>> {
        self.done
    }
}
