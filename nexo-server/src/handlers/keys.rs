//! `/.well-known/jwks.json`: the public keys that verify access tokens.

use http::HeaderValue;
use http::header::CACHE_CONTROL;

use crate::app::App;
use crate::failure::Outcome;
use crate::respond::{self, Reply};

pub(crate) async fn jwks(app: &App) -> Outcome<Reply> {
    let mut reply = respond::ok(&app.services()?.authenticator()?.current_jwks().await)?;
    let public = HeaderValue::from_static("public, max-age=300");
    reply.headers_mut().insert(CACHE_CONTROL, public);
    Ok(reply)
}
