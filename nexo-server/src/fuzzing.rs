//! What the fuzz targets call, and nothing else does.

use std::cell::RefCell;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use nexo_core::model::{
    AcceptInvitation, AccountSettingsPatch, Batch, Client, ConfirmSecondFactor, Content,
    DeleteUser, Department, Employee, Entity, Erase, FinishSignIn, ForgotPassword, Invite,
    LinkIdentity, LoginRequest, MemberPatch, NewApiKey, NewImport, NewRole, PasswordChange,
    Professional, ProfilePatch, Project, RefreshRequest, RegisterRequest, ResetPassword, RolePatch,
    SecondFactorProof, SetUpSecondFactor, StartIdentityLink, StartSignIn, Supplier, SwitchAccount,
    Task, Transfer, VerifyEmail,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
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

/// Names a type.
type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// A type that a body is read into.
struct Body {
    schema: SchemaOf,
    /// Whether it is one.
    reads: fn(&[u8]) -> bool,
}

/// Every one of them.
const BODIES: &[Body] = &[
    Body::content::<<Client as Entity>::New>(),
    Body::content::<<Client as Entity>::Patch>(),
    Body::content::<<Department as Entity>::New>(),
    Body::content::<<Department as Entity>::Patch>(),
    Body::content::<<Employee as Entity>::New>(),
    Body::content::<<Employee as Entity>::Patch>(),
    Body::content::<<Supplier as Entity>::New>(),
    Body::content::<<Supplier as Entity>::Patch>(),
    Body::content::<<Professional as Entity>::New>(),
    Body::content::<<Professional as Entity>::Patch>(),
    Body::content::<<Project as Entity>::New>(),
    Body::content::<<Project as Entity>::Patch>(),
    Body::content::<<Task as Entity>::New>(),
    Body::content::<<Task as Entity>::Patch>(),
    Body::value::<Batch<Client>>(),
    Body::value::<Batch<Department>>(),
    Body::value::<Batch<Employee>>(),
    Body::value::<Batch<Supplier>>(),
    Body::value::<Batch<Professional>>(),
    Body::value::<Batch<Project>>(),
    Body::value::<Batch<Task>>(),
    Body::value::<NewRole>(),
    Body::value::<RolePatch>(),
    Body::value::<Invite>(),
    Body::value::<MemberPatch>(),
    Body::value::<NewApiKey>(),
    Body::value::<NewImport>(),
    Body::value::<AccountSettingsPatch>(),
    Body::value::<Erase>(),
    Body::value::<Transfer>(),
    Body::value::<ProfilePatch>(),
    Body::value::<ForgotPassword>(),
    Body::value::<StartSignIn>(),
    Body::input::<RegisterRequest>(),
    Body::input::<LoginRequest>(),
    Body::input::<RefreshRequest>(),
    Body::input::<AcceptInvitation>(),
    Body::input::<ResetPassword>(),
    Body::input::<VerifyEmail>(),
    Body::input::<FinishSignIn>(),
    Body::input::<SwitchAccount>(),
    Body::input::<PasswordChange>(),
    Body::input::<SetUpSecondFactor>(),
    Body::input::<ConfirmSecondFactor>(),
    Body::input::<SecondFactorProof>(),
    Body::input::<StartIdentityLink>(),
    Body::input::<LinkIdentity>(),
    Body::input::<DeleteUser>(),
];

/// Reads a body, whose first byte says as what.
///
/// # Panics
/// When what was read does not read the same from what it writes.
pub fn body(data: &[u8]) {
    let Some((which, body)) = data.split_first() else { return };
    (BODIES[usize::from(*which) % BODIES.len()].reads)(body);
}

impl Body {
    const fn content<T: Content + JsonSchema>() -> Self {
        Self { schema: schema::<T>, reads: content::<T> }
    }

    const fn value<T: Wire>() -> Self {
        Self { schema: schema::<T>, reads: value::<T> }
    }

    /// Of what tells a secret, and so is compared with nothing.
    const fn input<T: DeserializeOwned + JsonSchema>() -> Self {
        Self { schema: schema::<T>, reads: input::<T> }
    }
}

/// What is read and written, and can be compared.
trait Wire: Serialize + DeserializeOwned + PartialEq + Debug + JsonSchema {}

impl<T: Serialize + DeserializeOwned + PartialEq + Debug + JsonSchema> Wire for T {}

fn schema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

fn content<T: Content + JsonSchema>(body: &[u8]) -> bool {
    if let Ok(read) = parse::<T>(body) {
        let _either = read.validate();
    }
    value::<T>(body)
}

/// What was read reads the same from what it writes.
fn value<T: Wire>(body: &[u8]) -> bool {
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
///
/// # Panics
/// When a route reads a body as a type that is none of them.
#[must_use]
pub fn bodies() -> Vec<Vec<u8>> {
    let routes = table();
    let mut generator = SchemaGenerator::default();
    let mut name = |of: SchemaOf| of(&mut generator).to_value().to_string();
    let known: Vec<_> = BODIES.iter().map(|known| (name(known.schema), known.reads)).collect();
    let mut examples = Vec::new();
    for route in &routes {
        let Some(example) = route.example_body(1).map(|body| body.to_string()) else { continue };
        let takes = route.documentation().and_then(|operation| operation.takes);
        let takes = name(takes.expect("what has an example has a type"));
        let entry = known.iter().find(|(name, _)| *name == takes);
        let (_, reads) = entry.unwrap_or_else(|| panic!("{takes} is not fuzzed"));
        assert!(reads(example.as_bytes()), "{takes} does not read {example}");
        examples.push(example);
    }
    let mut all = Vec::new();
    for (which, (_, reads)) in (0_u8..).zip(&known) {
        let good = examples.iter().filter(|body| reads(body.as_bytes()));
        all.extend(good.map(|body| [&[which], body.as_bytes()].concat()));
    }
    all.sort();
    all.dedup();
    all
}

#[cfg(test)]
mod tests {
    use super::{BODIES, bodies, table};

    /// Whoever adds a route adds what it reads.
    #[test]
    fn every_body_of_the_route_table_is_fuzzed() {
        for route in table() {
            let takes = route.documentation().and_then(|operation| operation.takes);
            assert_eq!(takes.is_some(), route.example_body(1).is_some(), "{}", route.path());
        }
        // There is something to begin with for each of them.
        let mut begun: Vec<_> = bodies().iter().map(|seed| usize::from(seed[0])).collect();
        begun.dedup();
        assert!(begun.into_iter().eq(0..BODIES.len()));
    }
}
