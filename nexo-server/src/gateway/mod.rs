//! The life of a request, from head to reply.

mod access_log;
pub(crate) mod authenticate;
mod cors;
mod deadline;
mod host;
pub(crate) mod limits;
mod panic_guard;
mod peer;
mod rate_limit;
mod reply_body;
mod reply_memory;
mod request_id;
mod security_headers;
pub(crate) mod time_limit;
mod trace;
mod trace_context;

use std::net::SocketAddr;
use std::pin::pin;

use http::request::Parts;
use http::{Request, Response, Version};
use hyper::body::Incoming;
use nexo_core::TenantScope;
use nexo_core::model::{Account, Id};

use crate::app::App;
use crate::extract::{Call, Caller};
use crate::failure::{Failure, Outcome};
use crate::remote;
use crate::respond::{self, Reply};
use crate::routes::{Access, Handler, Limit, Route};
use crate::traffic::{Holder, Place, Rates, Standing};

use access_log::Entry;
pub(crate) use deadline::{X_REQUEST_LATE, X_REQUEST_TIMEOUT};
pub(crate) use peer::X_FORWARDED_FOR;
pub(crate) use reply_body::{BrokenOff, ReplyBody};
pub(crate) use reply_memory::{Held, ReplyMemory, Room};
pub(crate) use request_id::{RequestId, X_REQUEST_ID};
use trace::Trace;
pub(crate) use trace_context::{TRACEPARENT, TraceContext};

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
    let mut seen = Seen::default();

    let limit = deadline::limit(app.http(), socket, &parts.headers);
    let deadline = entry.begun() + limit;
    let trace = Trace::begin(&parts, app.http().traces.always, &id);
    let caller = Caller { ip: peer, request: &id, deadline, trace: trace.context };
    // In one place: what is wrapped around it moves it more than once.
    let stages = Box::pin(stages(app, &parts, body, caller, &mut seen));
    // Outermost, so that no stage can take the connection down with it.
    let outcome = trace.around(panic_guard::hold(stages)).await;
    let outcome = outcome.and_then(|reply| reply_body::check(parts.version, reply));
    let holder = seen.account.map_or_else(|| Holder::at(peer), Holder::Account);
    let memory = app.reply_memory();
    let outcome = outcome.and_then(|reply| memory.admit(&parts.method, holder, reply));
    let ((mut reply, room), failure) = match outcome {
        Ok(admitted) => (admitted, None),
        Err(failure) => {
            let mut problem = respond::problem(&failure, parts.uri.path(), id.as_str());
            deadline::tell(app.http(), &failure, &mut problem);
            ((problem, Room::default()), Some(failure))
        }
    };

    // Problems carry these too: without CORS, for one, a browser would hide
    // from a script why its call failed.
    stamp(app.http().tls.is_some(), &mut reply, &id);
    if let Some(standing) = &seen.standing {
        rate_limit::stamp(&mut reply, standing);
    }
    cors::apply(app.http(), &parts, &mut reply);
    // HTTP/2 has its own word for it.
    if app.is_draining() && parts.version < Version::HTTP_2 {
        respond::close(&mut reply);
    }
    trace.end(&parts.method, seen.route.map_or("-", Route::path), reply.status());
    counted.end(&parts.method, seen.route, reply.status(), entry.elapsed());
    entry.write(&parts.method, seen.route, &reply, failure.as_ref(), caller);
    reply.map(|body| ReplyBody::new(body, room, seen.place, trace.span))
}

/// What the stages know of a request, also of one that they refuse.
#[derive(Debug, Default)]
struct Seen<'a> {
    route: Option<&'a Route>,
    place: Option<Place>,
    standing: Option<Standing>,
    /// Once it is known who calls.
    account: Option<Id<Account>>,
}

/// What every reply carries, whoever it is for.
pub(crate) fn stamp(is_tls: bool, reply: &mut Reply, id: &RequestId) {
    request_id::stamp(reply, id);
    security_headers::apply(is_tls, reply);
}

/// One stage a line; the first failure ends it.
async fn stages<'a>(
    app: &'a App,
    parts: &'a Parts,
    body: Incoming,
    caller: Caller<'a>,
    seen: &mut Seen<'a>,
) -> Outcome<Reply> {
    limits::check(parts)?;
    host::check(parts)?;
    let resource = app.router().resource(parts.uri.path());
    // Preflights are the browser's doing, and cost nothing: nobody pays for them.
    if let Ok(Some(reply)) = resource.as_ref().map(|found| found.options(&parts.method)) {
        return Ok(reply);
    }
    let found = resource.and_then(|resource| Ok((resource.route(&parts.method)?, resource)));
    // What was refused above costs nothing and ends its connection; from here on
    // there is work, or somebody who looks around for some.
    let limit = found.as_ref().map_or(Limit::Standard, |(route, _)| route.limit());
    let is_upload = found.as_ref().is_ok_and(|(route, _)| route.is_upload());
    seen.place = app.traffic().enter(limit, caller.ip, is_upload)?;
    let rates = app.traffic().rates(limit, caller.ip);
    let (found, resource) = match found {
        Ok(found) => found,
        Err(failure) => return rates.count(None, &mut seen.standing).await.and(Err(failure)),
    };
    seen.route = Some(found);
    limits::check_body(parts, found.max_body())?;
    let call = Call::new(parts, resource.into_params(), body, caller, app.http());
    // Pinned, because it is large, and is moved no more from here on.
    let answer = pin!(answer(app, found, parts, call, rates, seen));
    if found.is_upload() {
        // It takes as long as the file does; each piece of it is timed.
        return answer.await;
    }
    time_limit::until(caller.deadline, answer).await
}

async fn answer<'a>(
    app: &'a App,
    route: &Route,
    parts: &'a Parts,
    call: Call<'a>,
    rates: Rates<'a>,
    seen: &mut Seen<'a>,
) -> Outcome<Reply> {
    let standing = &mut seen.standing;
    let scope = match route.access() {
        Access::Public => None,
        Access::Tenant => {
            // A flood is not even worth the check of a signature.
            rates.refuse_known(standing)?;
            // Before the body is read: strangers are not worth a megabyte.
            match authenticate::scope(app, &parts.headers).await {
                Ok(scope) => scope.map(|scope| scope.seen_from(call.peer())),
                // Of a stranger nothing is known but the address.
                Err(failure) => return rates.count(None, standing).await.and(Err(failure)),
            }
        }
    };
    seen.account = scope.as_ref().map(TenantScope::account_id);
    // A gateway has counted users; keys are known behind it alone.
    let is_entry = app.http().role.is_entry();
    let counted = scope.as_ref().filter(|scope| is_entry || scope.key_id().is_some());
    rates.count(counted, standing).await?;
    if let Some(upstream) = app.elsewhere(route.service()) {
        // It is large, and most servers never need it.
        return Box::pin(remote::forward(upstream, route, call)).await;
    }
    match (route.handler(), scope) {
        (Handler::Public(handler), _) => handler(app, call).await,
        (Handler::Gathering(handler), scope) => handler(app, scope, call).await,
        (Handler::Tenant(handler), Some(scope)) => handler(app.services()?, scope, call).await,
        (Handler::Tenant(_), None) => Err(Failure::internal("a tenant's route without a scope")),
    }
}
