use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::*;

fn provider() -> Value {
    json!({
        "id": "corp", "name": "Corp SSO", "issuer": "https://id.example.com/realms/corp",
        "client_id": "nexo", "client_secret": "s3cret",
        "redirect_uris": ["https://app.example.com/callback"],
    })
}

fn refusal(providers: &Value) -> String {
    let refused = OidcProviders::from_json(&providers.to_string());
    let refused = refused.expect_err("a refusal").to_string();
    assert!(!refused.contains("s3cret"), "{refused}");
    refused
}

#[test]
fn each_wrong_field_is_named_and_no_value_told() {
    for (field, wrong) in [
        ("id", json!("")),
        ("id", json!("Corp SSO")),
        ("id", json!("x".repeat(65))),
        ("name", json!("")),
        ("name", json!("a\nb")),
        ("issuer", json!("id.example.com")),
        ("issuer", json!("http://id.example.com")),
        ("issuer", json!("http://127.0.0.1.example.com")),
        ("issuer", json!("https://x:y@id.example.com")),
        ("issuer", json!("https://id.example.com?x=1")),
        ("issuer", json!("https://id.example.com#x")),
        ("client_id", json!("")),
        ("client_secret", json!("")),
        ("redirect_uris", json!([])),
        ("redirect_uris[1]", json!(["https://a.example.com", "http://a.example.com"])),
        ("redirect_uris[0]", json!(["javascript:alert(1)"])),
        ("redirect_uris[0]", json!(["https://a.example.com/#x"])),
        ("scopes", json!(["openid email"])),
    ] {
        let mut one = provider();
        one[field.split('[').next().expect("a name")] = wrong.clone();
        let told = refusal(&json!([provider_called("other"), one]));
        assert!(told.starts_with(&format!("[1].{field}: expected ")), "{field} {wrong}: {told}");
    }
    let told = refusal(&json!([provider(), provider()]));
    assert_eq!(told, "[1].id: expected one that no other provider has");
    let mut one = provider();
    one["secret"] = json!("s3cret");
    assert!(refusal(&json!([one])).contains("unknown field `secret`"));
    one = provider();
    drop(one.as_object_mut().expect("an object").remove("issuer"));
    assert!(refusal(&json!([one])).contains("missing field `issuer`"));
    one = provider();
    one["registration"] = json!("s3cret");
    assert!(refusal(&json!([one])).contains("each field of its own type"));
    assert!(refusal(&json!("s3cret")).contains("a list of providers"));
}

fn provider_called(id: &str) -> Value {
    let mut one = provider();
    one["id"] = json!(id);
    one
}

#[test]
fn what_is_right_is_taken_and_its_secret_never_prints() {
    let mut here = provider_called("here");
    here["issuer"] = json!("http://127.0.0.1:8080");
    here["redirect_uris"] = json!(["http://[::1]/x", "com.example.app:/callback"]);
    let text = json!([provider(), here]).to_string();
    let providers = OidcProviders::from_json(&text).expect("good ones");
    assert!(!format!("{providers:?}").contains("s3cret"));
    let [corp, here] = &providers.0[..] else { panic!("two") };
    assert_eq!((corp.registration, corp.is_here(), here.is_here()), (true, false, true));
    assert_eq!(corp.scopes, ["openid", "email", "profile"]);
    assert!(here.may_redirect_to("http://[::1]:9999/x"));
    assert!(here.may_redirect_to("com.example.app:/callback"));
    assert!(!here.may_redirect_to("http://[::1]:9999/y"));
    assert!(!here.may_redirect_to("com.example.app:/other"));
}

#[test]
fn others_may_neither_read_nor_change_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("providers.json");
    fs::write(&file, json!([provider()]).to_string()).expect("written");
    for (mode, is_good) in [
        (0o600, true),
        (0o400, true),
        (0o640, true),
        (0o644, false),
        (0o660, false),
        (0o606, false),
    ] {
        fs::set_permissions(&file, Permissions::from_mode(mode)).expect("set");
        let read = OidcProviders::from_file(&file);
        assert_eq!(read.is_ok(), is_good, "{mode:o}");
        let told = read.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(is_good || told.contains("expected `chmod 600"), "{told}");
    }
    let missing = OidcProviders::from_file(&folder.path().join("none.json"));
    assert!(missing.expect_err("missing").to_string().contains("expected a file"));
}
