//! `/api/crm/imports`, and lists as files.

use std::time::Duration;

use nexo_server::HttpConfig;
use serde_json::{Value, json};

use crate::harness::{Call, TestServer, User};
use crate::program::Program;
use crate::wire::Reply;

const ALL: &str = "/api/crm/imports";

fn new(size: usize) -> Value {
    json!({ "collection": "clients", "size": size, "file_name": "old crm.csv" })
}

fn call(address: std::net::SocketAddr, user: &User, method: &str, path: &str) -> Call {
    Call::to(address, method, path).by(user)
}

/// Begins an import of this file and sends it; where it is.
async fn upload(address: std::net::SocketAddr, user: &User, new: &Value, file: &str) -> String {
    let made = call(address, user, "POST", ALL).json(new).send().await;
    assert_eq!(made.status, 201, "{}", made.json());
    let place = made.header("location").unwrap().to_owned();
    let sent =
        call(address, user, "PUT", &format!("{place}/content")).body("text/csv", file).send().await;
    assert_eq!((sent.status, &sent.json()["received"]), (200, &json!(file.len())), "{place}");
    place
}

/// Goes on with it until it is done or refused.
async fn finish(address: std::net::SocketAddr, user: &User, place: &str) -> Reply {
    loop {
        let reply = call(address, user, "POST", &format!("{place}/advance")).send().await;
        let goes_on = ["checking", "importing", "undoing"];
        if reply.status != 200 || !goes_on.contains(&reply.json()["status"].as_str().unwrap()) {
            return reply;
        }
    }
}

fn rows(from: usize, to: usize) -> String {
    let row = |at: usize| format!("k{at},\"Client, {at}\",+49 {at}\n");
    format!("external_id,name,phone\n{}", (from..to).map(row).collect::<String>())
}

#[tokio::test]
async fn a_file_is_sent_imported_reported_and_undone() {
    let server = TestServer::start().await;
    let (at, ada) = (server.address, server.register("ada").await);
    let file = format!("{}k1,Twice,\n,,\n;,Babbage,=1\n", rows(0, 3));
    let place = upload(at, &ada, &new(file.len()), &file).await;
    let done = finish(at, &ada, &place).await.json();
    let expected = json!({
        "status": "done", "total": 5, "processed": 5, "created": 3, "failed": 2, "skipped": 0,
        "columns": ["external_id", "name", "phone"], "file_name": "old crm.csv", "dry_run": false,
    });
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&done[name], value, "{name}");
    }
    assert_eq!(call(at, &ada, "GET", &place).send().await.json(), done);
    let list = call(at, &ada, "GET", ALL).send().await.json();
    assert_eq!(list["data"], json!([done]));

    let report = call(at, &ada, "GET", &format!("{place}/report")).send().await;
    assert_eq!(report.header("content-type"), Some("text/csv; charset=utf-8"));
    let named = Some("attachment; filename=\"import-report.csv\"");
    assert_eq!(report.header("content-disposition"), named);
    assert_eq!(
        String::from_utf8(report.body).unwrap(),
        "row,outcome,key,record_id,field,code,message\r\n\
         5,failed,k1,,external_id,duplicate,is taken by another record\r\n\
         7,failed,\";\",,phone,invalid_format,must be a phone number of up to 40 characters\r\n"
    );
    let rows = call(at, &ada, "GET", &format!("{place}/rows?after=5")).send().await.json();
    assert_eq!((&rows["data"][0]["row"], &rows["next_after"]), (&json!(7), &Value::Null));

    let undone = call(at, &ada, "POST", &format!("{place}/undo")).send().await.json();
    assert_eq!((&undone["status"], &undone["reverted"]), (&json!("undone"), &json!(3)));
    assert_eq!(server.rows("nexo.clients").await, 0);
    assert_eq!(call(at, &ada, "DELETE", &place).send().await.status, 204);
    assert_eq!(call(at, &ada, "GET", &place).send().await.status, 404);
}

#[tokio::test]
async fn a_bad_file_is_a_problem_that_names_the_place() {
    let server = TestServer::start().await;
    let (at, ada) = (server.address, server.register("ada").await);
    let file = format!("{}k9,\"open,1\n", rows(0, 3));
    let place = upload(at, &ada, &new(file.len()), &file).await;
    let refused = finish(at, &ada, &place).await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "validation_failed"));
    let told = &refused.json()["errors"][0];
    assert_eq!(
        (&told["field"], &told["code"]),
        (&json!("row 5, column 2"), &json!("invalid_format"))
    );
    assert_eq!(server.rows("nexo.clients").await, 0);
    assert_eq!(server.rows("nexo.import_chunks").await, 0, "the file is dropped");

    for (path, code) in [
        (format!("{place}/content?offset=-1"), "invalid_query"),
        (format!("{place}/content?offset=1&offset=1"), "invalid_query"),
        (format!("{place}/content?at=1"), "invalid_query"),
        (format!("{place}/content?offset={}", file.len()), "conflict"),
    ] {
        let refused = call(at, &ada, "PUT", &path).body("text/csv", "name\n").send().await;
        assert_eq!(refused.problem(), code, "{path}");
    }
    let too_much = json!({ "collection": "clients", "size": 1_u64 << 40 });
    assert_eq!(call(at, &ada, "POST", ALL).json(&too_much).send().await.status, 422);
    let keyed = || call(at, &ada, "POST", ALL).header("idempotency-key", "one").json(&new(3));
    let (first, again) = (keyed().send().await, keyed().send().await);
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(first.json(), again.json());
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
}

/// H3: a file may be larger than any other body, and no larger than announced.
#[tokio::test]
async fn h3_a_file_is_larger_than_a_body_may_be() {
    let server = TestServer::start().await;
    let (at, ada) = (server.address, server.register("ada").await);
    let long = "x".repeat(9_000);
    let file = (0..300).map(|row| format!("Client {row},{long}\n")).collect::<String>();
    let file = format!("name,notes\n{file}");
    assert!(file.len() > 2 * 1024 * 1024);
    let place = upload(at, &ada, &new(file.len()), &file).await;
    assert_eq!(finish(at, &ada, &place).await.json()["created"], 300);

    let small = call(at, &ada, "POST", ALL).json(&new(100)).send().await;
    let place = small.header("location").unwrap();
    let more = call(at, &ada, "PUT", &format!("{place}/content")).body("text/csv", file);
    assert_eq!(more.send().await.problem(), "bad_request");
    let huge = call(at, &ada, "PUT", &format!("{place}/content"))
        .header("content-length", &(1_u64 << 40).to_string());
    assert_eq!(huge.send().await.problem(), "payload_too_large");
    assert_eq!(server.rows("nexo.import_chunks").await, 0);
}

#[tokio::test]
async fn lists_are_exported_with_their_filters() {
    let server = TestServer::start().await;
    let (at, ada) = (server.address, server.register("ada").await);
    for (name, status) in [("=1+1", "active"), ("B \"x\"; y", "active"), ("C", "lead")] {
        let body = json!({ "name": name, "status": status, "tags": ["a", "b"] });
        server.post("/api/clients", &body).by(&ada).send().await;
    }
    let path = "/api/crm/clients/export?status=active&sort=name&fields=name,tags,notes";
    let file = call(at, &ada, "GET", path).send().await;
    assert_eq!(file.status, 200);
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"clients.csv\""));
    assert_eq!(
        String::from_utf8(file.body).unwrap(),
        "name,tags,notes\r\n'=1+1,a; b,\r\n\"B \"\"x\"\"; y\",a; b,\r\n"
            .replace("a; b", "\"a; b\"")
    );
    for (query, told) in [
        ("limit=5", "limit"),
        ("cursor=x", "cursor"),
        ("count=exact", "count"),
        ("fields=account_id", "fields"),
        ("fields=name,id,name", "twice"),
        ("format=pdf", "format"),
        ("format=csv&format=csv", "twice"),
        ("offset=1", "offset"),
    ] {
        let refused = call(at, &ada, "GET", &format!("/api/clients/export?{query}")).send().await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid_query"), "{query}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(told), "{query}");
    }
}

/// The end of an HTTP/1.0 body is the end of its connection: a file that broke
/// off would look whole.
#[tokio::test]
async fn files_are_not_sent_over_http_1_0() {
    let server = TestServer::start().await;
    let ada = server.register("ada").await;
    let mut wire = server.wire().await;
    let head =
        format!("GET /api/clients/export HTTP/1.0\r\nauthorization: Bearer {}\r\n\r\n", ada.token);
    wire.send(head).await;
    let answer = String::from_utf8(wire.closed().await).unwrap();
    assert!(answer.contains(" 400 ") && answer.contains("over HTTP/1.1"), "{answer}");
}

/// What was exported can be imported: another account has the same then.
#[tokio::test]
async fn an_export_is_a_file_to_import() {
    let server = TestServer::start().await;
    let (at, ada) = (server.address, server.register("ada").await);
    let eve = server.register("eve").await;
    let file = format!("{}x9,'@x,'+49 1\n", rows(0, 1_500));
    let place = upload(at, &ada, &new(file.len()), &file).await;
    assert_eq!(finish(at, &ada, &place).await.json()["created"], 1_501);
    let fields = "fields=external_id,name,phone,status&sort=name";
    for format in ["csv", "xlsx"] {
        let path = format!("/api/clients/export?format={format}&{fields}");
        let exported = call(at, &ada, "GET", &path).send().await;
        assert_eq!(exported.status, 200);
        let mut wanted = new(exported.body.len());
        wanted["format"] = format.into();
        wanted["duplicates"] = "update".into();
        let made = call(at, &eve, "POST", ALL).json(&wanted).send().await;
        let place = made.header("location").unwrap().to_owned();
        call(at, &eve, "PUT", &format!("{place}/content"))
            .body("application/octet-stream", exported.body.clone())
            .send()
            .await;
        let done = finish(at, &eve, &place).await.json();
        assert_eq!((&done["processed"], &done["failed"]), (&json!(1_501), &json!(0)), "{done}");
        let same = call(at, &eve, "GET", &format!("/api/clients/export?{fields}")).send().await;
        let first = call(at, &ada, "GET", &format!("/api/clients/export?{fields}")).send().await;
        assert!(same.body == first.body, "{format}");
    }
}

/// F17, H7: who does not read an export holds no memory but its piece, and a
/// caller who goes away ends it.
#[tokio::test]
async fn f17_exports_that_nobody_reads_are_few() {
    // Room for two of one account, and for one of another.
    let config = HttpConfig { reply_memory: 48 * 1024 * 1024, ..HttpConfig::default() };
    let server = TestServer::with(config).await;
    let (at, ada) = (server.address, server.register("ada").await);
    let file = format!("name,notes\n{}", format!("Ada,{}\n", "x".repeat(9_000)).repeat(1_200));
    let place = upload(at, &ada, &new(file.len()), &file).await;
    assert_eq!(finish(at, &ada, &place).await.json()["created"], 1_200);
    let head = format!(
        "GET /api/clients/export HTTP/1.1\r\nhost: nexo.test\r\nauthorization: Bearer {}\r\n\r\n",
        ada.token
    );
    let mut unread = Vec::new();
    for _ in 0..2 {
        let mut wire = server.wire().await;
        wire.send(&head).await;
        assert_eq!(wire.head().await, "HTTP/1.1 200 OK");
        unread.push(wire);
    }
    let refused = call(at, &ada, "GET", "/api/clients/export").send().await;
    assert_eq!((refused.status, refused.problem().as_str()), (503, "overloaded"));
    let eve = server.register("eve").await;
    assert_eq!(call(at, &eve, "GET", "/api/clients/export").send().await.status, 200);
    drop(unread);
    let served = async {
        loop {
            let reply = call(at, &ada, "GET", "/api/clients/export").send().await;
            if reply.status == 200 {
                return reply;
            }
            tokio::task::yield_now().await;
        }
    };
    let served = tokio::time::timeout(Duration::from_secs(60), served).await.expect("room again");
    assert!(served.body.len() > file.len());
}

/// F13: the server is killed in the middle of an import; another goes on where
/// it was, and no row is lost or doubled.
#[tokio::test(flavor = "multi_thread")]
async fn f13_an_import_survives_kill_9_of_the_server() {
    let folder = crate::process::Folder::new();
    let program = Program::keeping(&folder);
    let user = program.register("ada").await;
    let count = 12_000;
    let file = rows(0, count);
    let place = upload(program.address, &user, &new(file.len()), &file).await;
    let (at, path, token) = (program.address, format!("{place}/advance"), user.token.clone());
    let working = tokio::spawn(async move {
        while Call::to(at, "POST", &path).bearer(&token).try_send().await.is_ok() {}
    });
    let processed = async |program: &Program| {
        let import = call(program.address, &user, "GET", &place).send().await.json();
        import["processed"].as_u64().unwrap()
    };
    while processed(&program).await == 0 {}
    program.kill();
    working.await.unwrap();

    let program = Program::keeping(&folder);
    let before = processed(&program).await;
    assert!(before > 0 && before < count as u64, "it was killed in the middle: {before}");
    let done = finish(program.address, &user, &place).await.json();
    assert_eq!((&done["status"], &done["created"]), (&json!("done"), &json!(count)));
    let all = call(program.address, &user, "GET", "/api/clients?limit=1&count=exact").send().await;
    assert_eq!(all.json()["count"]["value"], count);
    program.stop();
}
