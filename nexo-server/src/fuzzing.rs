//! What the fuzz targets call, and nothing else does.

use std::cell::RefCell;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use nexo_core::model::{
    AccountSettingsPatch, Batch, Client, Content, DeleteUser, Department, Employee, Entity, Erase,
    Invite, LoginRequest, MemberPatch, NewApiKey, NewImport, NewRole, Professional, ProfilePatch,
    Project, RegisterRequest, RolePatch, Supplier, Task, Transfer,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tokio::runtime::{Builder, Runtime};

use crate::app::App;
use crate::config::{HttpConfig, TrafficLimits};
use crate::extract::fuzzing::{audit_params, export_call, page, parse, search_params};
use crate::gateway::authenticate::bearer;
use crate::router::Router;
use crate::routes::table;
use crate::server::serve_alone;
use crate::traffic::Traffic;

/// How much goes through a connection at a time.
const PIPE: usize = 64 * 1024;

thread_local! {
    static SERVER: RefCell<(Runtime, Arc<App>)> = RefCell::new(server());
}

/// A server that is starting: everything of a request is read and checked, and what
/// needs a database is refused.
fn server() -> (Runtime, Arc<App>) {
    let trusted_proxies = vec!["127.0.0.0/8".parse().expect("a network")];
    let cors_origins = vec!["https://app.example".parse().expect("an origin")];
    // Each run is a request more of the same caller.
    let traffic = TrafficLimits::off();
    let http = HttpConfig { trusted_proxies, cors_origins, traffic, ..HttpConfig::default() };
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    let traffic = runtime.block_on(Traffic::start(&http.traffic));
    let app = App::new(http, Router::new(table()).expect("a route table"), traffic);
    (runtime, Arc::new(app))
}

/// What a caller is answered who sends this and no more.
#[must_use]
pub fn connection(sent: &[u8]) -> Vec<u8> {
    SERVER.with_borrow(|(runtime, app)| {
        runtime.block_on(async {
            let (caller, stream) = duplex(PIPE);
            let (mut reads, mut writes) = tokio::io::split(caller);
            let peer = SocketAddr::from(([127, 0, 0, 1], 4711));
            let calls = async {
                // The server may have closed it before.
                drop(writes.write_all(sent).await);
                drop(writes.shutdown().await);
            };
            let mut answered = Vec::new();
            let answers = reads.read_to_end(&mut answered);
            drop(tokio::join!(serve_alone(app.clone(), stream, peer), calls, answers));
            answered
        })
    })
}

/// Whether it is one.
type Read = fn(&[u8]) -> bool;

/// Every type that a body is read into.
const BODIES: &[Read] = &[
    content::<<Client as Entity>::New>,
    content::<<Client as Entity>::Patch>,
    content::<<Department as Entity>::New>,
    content::<<Department as Entity>::Patch>,
    content::<<Employee as Entity>::New>,
    content::<<Employee as Entity>::Patch>,
    content::<<Supplier as Entity>::New>,
    content::<<Supplier as Entity>::Patch>,
    content::<<Professional as Entity>::New>,
    content::<<Professional as Entity>::Patch>,
    content::<<Project as Entity>::New>,
    content::<<Project as Entity>::Patch>,
    content::<<Task as Entity>::New>,
    content::<<Task as Entity>::Patch>,
    value::<Batch<Client>>,
    value::<Batch<Project>>,
    value::<Batch<Task>>,
    value::<NewRole>,
    value::<RolePatch>,
    value::<Invite>,
    value::<MemberPatch>,
    value::<NewApiKey>,
    value::<NewImport>,
    value::<AccountSettingsPatch>,
    value::<Erase>,
    value::<Transfer>,
    value::<ProfilePatch>,
    input::<RegisterRequest>,
    input::<LoginRequest>,
    input::<DeleteUser>,
];

/// Reads a body, whose first byte says as what.
///
/// # Panics
/// When what was read does not read the same from what it writes.
pub fn body(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    BODIES[usize::from(*which) % BODIES.len()](body);
}

fn content<T: Content>(body: &[u8]) -> bool {
    if let Ok(read) = parse::<T>(body) {
        let _either = read.validate();
    }
    value::<T>(body)
}

/// What was read reads the same from what it writes.
fn value<T: Serialize + DeserializeOwned + PartialEq + Debug>(body: &[u8]) -> bool {
    let Ok(read) = parse::<T>(body) else { return false };
    let written = serde_json::to_vec(&read).expect("wire types serialise");
    match parse::<T>(&written) {
        Ok(again) => assert_eq!(read, again),
        Err(failure) => panic!("{failure:?}: {}", String::from_utf8_lossy(&written)),
    }
    true
}

/// Of what is never written.
fn input<T: DeserializeOwned>(body: &[u8]) -> bool {
    parse::<T>(body).is_ok()
}

/// Reads the query of every list, of a search and of the audit log.
pub fn query(text: &str) {
    drop(export_call::<Client>(text));
    drop(export_call::<Department>(text));
    drop(export_call::<Employee>(text));
    drop(export_call::<Supplier>(text));
    drop(export_call::<Professional>(text));
    drop(export_call::<Project>(text));
    drop(export_call::<Task>(text));
    drop((page(text), audit_params(text), search_params(text)));
}

/// Reads what an `Authorization` header says, and the token in it.
pub fn authorization(value: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
    if let Some(token) = bearer(&headers) {
        nexo_core::fuzzing::token(token);
    }
}

/// What to begin with, as the route table has it: whole requests.
#[must_use]
pub fn requests() -> Vec<Vec<u8>> {
    let request = |route: &crate::routes::Route| {
        let body = route.example_body(1).map(|body| body.to_string()).unwrap_or_default();
        let path = route.path().replace("{id}", "019a5c3e-0000-7000-8000-000000000000");
        let (method, length) = (route.method(), body.len());
        let head = format!("{method} {path} HTTP/1.1\r\nhost: nexo.test\r\n");
        let more = "x-forwarded-for: 203.0.113.9, 127.0.0.1\r\norigin: https://app.example\r\n";
        let about = format!("content-type: application/json\r\ncontent-length: {length}\r\n\r\n");
        format!("{head}{more}{about}{body}").into_bytes()
    };
    table().iter().map(request).collect()
}

/// Bodies, each as every type that reads it.
#[must_use]
pub fn bodies() -> Vec<Vec<u8>> {
    let routes = table();
    let examples = routes.iter().filter_map(|route| route.example_body(1));
    let examples: Vec<_> = examples.map(|body| body.to_string()).collect();
    let mut all = Vec::new();
    for (which, reads) in (0_u8..).zip(BODIES) {
        let good = examples.iter().filter(|body| reads(body.as_bytes()));
        all.extend(good.map(|body| [&[which], body.as_bytes()].concat()));
    }
    all.sort();
    all.dedup();
    all
}
