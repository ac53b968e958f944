//! One binary for all tests of the crate; each has a database of its own.

mod clients;
mod isolation;
