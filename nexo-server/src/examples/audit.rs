//! What was done, and who could read it.

use nexo_core::model::{
    AuditAccess, AuditAccesses, AuditAction, AuditEntry, AuditPage, Client, Entity as _, Visibility,
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{ADA, CLIENT, ENTRY, NOW, SESSION, Sample, at};

/// A change of a record, which has nobody's data in it.
pub(super) fn entry_of(collection: &str, record: Uuid) -> AuditEntry {
    let version = |number: i64| Some(Map::from_iter([("version".to_owned(), json!(number))]));
    AuditEntry {
        id: ENTRY,
        at: NOW,
        action: AuditAction::Update,
        subject: collection.to_owned(),
        record_id: Some(record),
        user_id: Some(ADA),
        user_name: Some("Ada".to_owned()),
        session_id: Some(SESSION),
        key_id: None,
        reason: None,
        request_id: Some("019c1363-49c0-7000-8000-0000000000ff".to_owned()),
        ip: Some("192.0.2.7".to_owned()),
        user_agent: Some("nexo-client/0.1".to_owned()),
        before: version(1),
        after: version(2),
        erased_by: None,
    }
}

impl Sample for AuditPage {
    fn sample() -> Self {
        let mut entry = entry_of(Client::COLLECTION, *CLIENT.as_uuid());
        let status = |word: &str| Value::from(word);
        entry.before.get_or_insert_default().insert("status".to_owned(), status("lead"));
        entry.after.get_or_insert_default().insert("status".to_owned(), status("active"));
        Self { data: vec![entry], next_cursor: Some(ENTRY) }
    }
}

impl Sample for AuditAccesses {
    fn sample() -> Self {
        let access = AuditAccess {
            user_id: Some(ADA),
            user_name: Some("Ada".to_owned()),
            key_id: None,
            visibility: Visibility::All,
            since: Some(at(-48)),
            until: None,
        };
        Self { data: vec![access] }
    }
}
