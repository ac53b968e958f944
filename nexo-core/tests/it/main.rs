//! One binary for all tests of the crate; each has a database of its own.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod batch;
mod catalog;
mod clients;
mod cluster;
mod contention;
mod dashboard;
mod demo;
mod imports;
mod isolation;
mod login;
mod migrate;
mod once;
mod people;
mod plans;
mod privacy;
mod proof;
mod rules;
mod search;
mod second_factor;
mod sessions;
mod tokens;
mod unit_of_work;
mod visibility;
