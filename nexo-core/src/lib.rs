//! Typed, tenant-scoped CRM repositories on PostgreSQL row-level security.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod model;
