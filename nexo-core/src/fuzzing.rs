//! What the fuzz targets call, and nothing else does.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio_postgres::types::ToSql;
use tokio_postgres::types::private::BytesMut;
use uuid::Uuid;

pub use crate::auth::fuzzing::{token, tokens};
use crate::model::{Account, Id};
use crate::repo::fuzzing::{Cursor, SortKey, SortKind};

const ORDER: &str = "-created_at";

fn account() -> Id<Account> {
    Id::from_uuid(Uuid::nil())
}

/// Reads a text as the cursor of lists in every kind of order. What is read can be
/// given to PostgreSQL, and reads the same from what it writes.
///
/// # Panics
/// When that does not hold.
pub fn cursor(text: &str) {
    for kind in [SortKind::Time, SortKind::Text, SortKind::Int, SortKind::Date] {
        let decode = |text: &str| Cursor::decode(text, account(), "clients", ORDER, kind);
        let Ok(cursor) = decode(text) else { continue };
        let again = decode(&cursor.encode()).expect("its own writing");
        assert_eq!((&again.key, again.id), (&cursor.key, cursor.id));
        let mut out = BytesMut::new();
        let param: &(dyn ToSql + Sync) = cursor.key.as_param();
        param.to_sql_checked(&kind.ty(), &mut out).expect("a parameter");
    }
}

/// A text as a cursor has its JSON.
#[must_use]
pub fn encoded(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// What to begin with: one of each kind, and the JSON of each.
#[must_use]
pub fn cursors() -> Vec<String> {
    let keys = [
        r#"{"t":"2026-01-31T12:00:00.000001Z"}"#,
        r#"{"s":"Babbage & Sons"}"#,
        r#"{"n":3}"#,
        r#"{"d":"2026-01-31"}"#,
        r#"{"d":null}"#,
    ];
    let cursor = |key: &str| {
        let key: SortKey = serde_json::from_str(key).expect("a key");
        let (collection, order) = ("clients".to_owned(), ORDER.to_owned());
        Cursor { account: account(), collection, order, key, id: Uuid::nil() }.encode()
    };
    let mut cursors: Vec<String> = keys.into_iter().map(cursor).collect();
    let plain = cursors.iter().filter_map(|cursor| URL_SAFE_NO_PAD.decode(cursor).ok());
    let plain: Vec<_> = plain.filter_map(|json| String::from_utf8(json).ok()).collect();
    cursors.extend(plain);
    cursors
}
