//! The life of a request, from head to reply.

mod access_log;
mod authenticate;
mod cors;
mod host;
pub(crate) mod limits;
mod panic_guard;
mod peer;
mod reply_body;
mod reply_memory;
mod request_id;
mod security_headers;
pub(crate) mod time_limit;
mod trace;
mod trace_context;

use std::net::SocketAddr;

use http::request::Parts;
use http::{Request, Response};
use hyper::body::Incoming;

use crate::app::App;
use crate::extract::{Call, Caller};
use crate::failure::Outcome;
use crate::respond::{self, Reply};
use crate::routes::{Handler, Route};

use access_log::Entry;
use reply_body::ReplyBody;
pub(crate) use request_id::RequestId;
use trace::Trace;
pub(crate) use trace_context::TraceContext;

pub(crate) use reply_memory::ReplyMemory;

/// Answers one request. Whatever happens inside, there is a reply and a line
/// in the log.
///
/// What hyper cannot parse never comes here: it answers such a connection by
/// itself, with a bare 400 or 431, and closes it.
pub(crate) async fn serve(
    app: &App,
    socket: SocketAddr,
    request: Request<Incoming>,
) -> Response<ReplyBody> {
    let entry = Entry::open();
    let counted = app.metrics().requests().begin();
    let (parts, body) = request.into_parts();
    let id = RequestId::of(&parts.headers);
    let peer = peer::address(app.http(), socket, &parts.headers);
    let mut route = None;

    let trace = Trace::begin(&parts, app.http().traces.always, &id);
    let caller = Caller { ip: peer, request: &id, trace: trace.context };
    let stages = stages(app, &parts, body, caller, &mut route);
    // Outermost, so that no stage can take the connection down with it.
    let outcome = trace.around(panic_guard::hold(stages)).await;
    let outcome = outcome.and_then(|reply| reply_body::check(parts.version, reply));
    let outcome = outcome.and_then(|reply| app.reply_memory().admit(&parts.method, reply));
    let ((mut reply, room), failure) = match outcome {
        Ok(admitted) => (admitted, None),
        Err(failure) => {
            let problem = respond::problem(&failure, parts.uri.path(), id.as_str());
            ((problem, None), Some(failure))
        }
    };

    // Problems carry these too: without CORS, for one, a browser would hide
    // from a script why its call failed.
    stamp(&mut reply, &id);
    cors::apply(app.http(), &parts, &mut reply);
    if app.is_draining() {
        respond::close(&mut reply);
    }
    trace.end(&parts.method, route.map_or("-", Route::path), reply.status());
    counted.end(&parts.method, route, reply.status(), entry.elapsed());
    entry.write(&parts.method, route, &reply, failure.as_ref(), caller);
    reply.map(|body| ReplyBody::new(body, room, trace.span))
}

/// What every reply carries, whoever it is for.
pub(crate) fn stamp(reply: &mut Reply, id: &RequestId) {
    request_id::stamp(reply, id);
    security_headers::apply(reply);
}

/// One stage a line; the first failure ends it.
async fn stages<'a>(
    app: &'a App,
    parts: &'a Parts,
    body: Incoming,
    caller: Caller<'a>,
    route: &mut Option<&'a Route>,
) -> Outcome<Reply> {
    limits::check(parts)?;
    host::check(parts)?;
    let resource = app.router().resource(parts.uri.path())?;
    if let Some(reply) = resource.options(&parts.method) {
        return Ok(reply);
    }
    let found = *route.insert(resource.route(&parts.method)?);
    limits::check_body(parts, found.max_body())?;
    let call = Call::new(parts, resource.into_params(), body, caller, app.http());
    let answer = answer(app, found, parts, call);
    if found.is_upload() {
        // It takes as long as the file does; each piece of it is timed.
        return answer.await;
    }
    time_limit::hold(app.http().request_timeout, answer).await
}

async fn answer<'a>(
    app: &'a App,
    route: &Route,
    parts: &'a Parts,
    call: Call<'a>,
) -> Outcome<Reply> {
    match route.handler() {
        Handler::Public(handler) => handler(app, call).await,
        Handler::Tenant(handler) => {
            let services = app.services()?;
            // Before the body is read: strangers are not worth a megabyte.
            let scope = authenticate::scope(services, &parts.headers).await?;
            let scope = scope.seen_from(call.peer());
            handler(services, scope, call).await
        }
    }
}
