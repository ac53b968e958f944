//! Clients through the repository.

use nexo_core::AuthConfig;
use nexo_core::model::{
    Change, Client, ClientKind, ClientPatch, ClientStatus, ListParams, NewClient, Sort,
};
use nexo_core::testing::{Tenant, TestDatabase};

#[tokio::test]
async fn a_client_is_created_read_changed_and_deleted() {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let Tenant { scope, .. } = Tenant::register(&authenticator).await;
    let clients = database.repository::<Client>();

    let new = NewClient {
        kind: ClientKind::Person,
        email: Some(" Ada@Example.COM ".into()),
        phone: Some("+44 20 7946 0000".into()),
        website: Some("https://example.com/ada".into()),
        address: Some("12 St James's Square\nLondon".into()),
        tags: vec!["vip".into(), "maths".into()],
        notes: Some("prefers letters".into()),
        ..NewClient::named("Ada Lovelace")
    };
    let created = clients.create(&scope, &new).await.expect("created");
    assert_eq!(created.name, "Ada Lovelace");
    assert_eq!(created.email.as_deref(), Some("ada@example.com"));
    assert_eq!(created.status, ClientStatus::Lead);
    assert_eq!(created.tags, ["vip", "maths"]);
    assert_eq!((created.version, created.created_by), (1, scope.user_id()));
    assert_eq!(clients.get(&scope, created.id).await.expect("read"), created);

    let patch = ClientPatch {
        status: ClientStatus::Active.into(),
        phone: Change::Clear,
        tags: Change::Clear,
        ..ClientPatch::default()
    };
    let patched = clients.patch(&scope, created.id, &patch, Some(1)).await.expect("patched");
    assert_eq!(patched.status, ClientStatus::Active);
    assert_eq!((patched.phone.as_deref(), patched.tags.len(), patched.version), (None, 0, 2));
    assert_eq!(patched.email, created.email, "what a patch does not name stays");
    assert!(patched.updated_at >= created.updated_at);
    assert_eq!(patched.created_at, created.created_at);

    let stale = clients.patch(&scope, created.id, &patch, Some(1)).await.expect_err("stale");
    assert!(stale.is_version_conflict());

    let replaced = clients
        .replace(&scope, created.id, &NewClient::named("Countess of Lovelace"), Some(2))
        .await
        .expect("replaced");
    assert_eq!((replaced.email, replaced.notes, replaced.version), (None, None, 3));

    let stale = clients.delete(&scope, created.id, Some(2)).await.expect_err("stale");
    assert!(stale.is_version_conflict());
    clients.delete(&scope, created.id, Some(3)).await.expect("deleted");
    for missing in [
        clients.get(&scope, created.id).await.map(drop),
        clients.delete(&scope, created.id, None).await,
        clients.delete(&scope, created.id, Some(3)).await,
        clients.patch(&scope, created.id, &patch, None).await.map(drop),
        clients.replace(&scope, created.id, &new, Some(1)).await.map(drop),
    ] {
        assert!(missing.expect_err("gone").is_not_found());
    }
}

#[tokio::test]
async fn refused_values_name_every_field_and_store_nothing() {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let Tenant { scope, .. } = Tenant::register(&authenticator).await;
    let clients = database.repository::<Client>();

    let new = NewClient {
        email: Some("no address".into()),
        phone: Some("call me".into()),
        website: Some("javascript:alert(1)".into()),
        tags: vec!["a".into(), "a".into()],
        notes: Some("nul \0".into()),
        ..NewClient::named(" ")
    };
    let error = clients.create(&scope, &new).await.expect_err("refused");
    let fields: Vec<_> =
        error.fields().iter().map(|f| (f.field.as_str(), f.code.as_str())).collect();
    assert_eq!(
        fields,
        [
            ("name", "required"),
            ("email", "invalid_format"),
            ("phone", "invalid_format"),
            ("website", "invalid_format"),
            ("notes", "invalid_character"),
            ("tags[1]", "duplicate"),
        ]
    );
    let patch = ClientPatch { name: Change::Clear, kind: Change::Clear, ..ClientPatch::default() };
    let error = clients.patch(&scope, nexo_core::model::Id::new(), &patch, None).await;
    assert_eq!(error.expect_err("refused").fields().len(), 2);
    assert!(clients.list(&scope, &ListParams::default()).await.expect("list").data.is_empty());
}

/// Cursors that were made up, or belong elsewhere, are refused as such.
#[tokio::test]
async fn forged_and_foreign_cursors_are_refused() {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let scope = Tenant::register(&authenticator).await.scope;
    let other = Tenant::register(&authenticator).await.scope;
    let clients = database.repository::<Client>();
    for name in ["a", "b"] {
        clients.create(&scope, &NewClient::named(name)).await.expect("created");
    }
    let list = async |scope, cursor: &str, sort: &str| {
        let params = ListParams {
            limit: Some(1),
            cursor: Some(cursor.to_owned()),
            sort: Some(Sort::parse(sort)),
            ..ListParams::default()
        };
        clients.list(scope, &params).await
    };
    let first = ListParams { limit: Some(1), ..ListParams::default() };
    let good = clients.list(&scope, &first).await.expect("page").next_cursor.expect("more");
    list(&scope, &good, "-created_at").await.expect("its own list");

    let account = scope.account_id();
    let forge = |key: &str| {
        let json = format!(
            r#"{{"a":"{account}","c":"clients","o":"-created_at","k":{key},"i":"{account}"}}"#
        );
        URL_SAFE_NO_PAD.encode(json)
    };
    list(&scope, &forge(r#"{"t":"2026-01-01T00:00:00Z"}"#), "-created_at")
        .await
        .expect("form is right");
    let forged = [
        forge(r#"{"t":"-004800-01-02T00:00:00Z"}"#),
        forge(r#"{"t":"9999-12-30T22:00:00.999999999Z"}"#),
        forge(r#"{"s":"a"}"#),
        forge("null"),
        good.clone() + "x",
        String::new(),
        "x".repeat(5_000),
    ];
    for cursor in &forged {
        let error = list(&scope, cursor, "-created_at").await.expect_err(cursor);
        assert_eq!(error.code(), nexo_core::model::ErrorCode::InvalidCursor, "{cursor}");
    }
    for (scope, sort) in [(&other, "-created_at"), (&scope, "created_at"), (&scope, "name")] {
        let error = list(scope, &good, sort).await.expect_err(sort);
        assert_eq!(error.code(), nexo_core::model::ErrorCode::InvalidCursor, "{sort}");
    }
}

#[tokio::test]
async fn every_order_pages_through_all_rows_once() {
    let test = TestDatabase::create().await;
    let (database, authenticator) = test.open_with_auth(AuthConfig::default()).await;
    let Tenant { scope, .. } = Tenant::register(&authenticator).await;
    let clients = database.repository::<Client>();
    // Equal names, so that the id has to decide.
    for at in 0..23 {
        let name = format!("Client {}", at % 5);
        clients.create(&scope, &NewClient::named(name)).await.expect("created");
    }
    for sort in ["created_at", "-created_at", "updated_at", "-updated_at", "name", "-name"] {
        let mut seen = Vec::new();
        let mut cursor = None;
        loop {
            let params = ListParams {
                limit: Some(7),
                cursor,
                sort: Some(Sort::parse(sort)),
                ..ListParams::default()
            };
            let page = clients.list(&scope, &params).await.expect("page");
            seen.extend(page.data);
            cursor = page.next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen.len(), 23, "{sort}");
        let mut ids: Vec<_> = seen.iter().map(|client| client.id).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 23, "{sort}");
        let ordered = |a: &Client, b: &Client| match sort.trim_start_matches('-') {
            "name" => (&a.name, a.id) < (&b.name, b.id),
            "updated_at" => (a.updated_at, a.id) < (b.updated_at, b.id),
            _ => (a.created_at, a.id) < (b.created_at, b.id),
        };
        for pair in seen.windows(2) {
            let (first, second) =
                if sort.starts_with('-') { (&pair[1], &pair[0]) } else { (&pair[0], &pair[1]) };
            assert!(ordered(first, second), "{sort}");
        }
    }
}
