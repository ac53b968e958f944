//! Who a transaction is run for, as the audit log tells it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::model::{Account, ApiKey, Id, Session, User};
use crate::tenant::{Actor, Peer, TenantScope};

/// What `nexo.actor()` reads.
#[derive(Default, Serialize)]
struct Told<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<Id<Account>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<Id<User>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<Id<Session>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Id<ApiKey>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<String>,
}

impl Told<'_> {
    /// The statement that tells it. Base64 and nothing else: it cannot carry SQL.
    fn statement(&self) -> String {
        let told = serde_json::to_vec(self).expect("text serialises");
        format!("; SET LOCAL nexo.actor = '{}'", STANDARD.encode(told))
    }

    fn from(peer: &Peer) -> Self {
        let (request, ip, agent) = (peer.request_text(), peer.ip_text(), peer.agent_text());
        Self { request, ip, agent, ..Self::default() }
    }
}

/// For the opening of what a scope writes.
pub(super) fn of_scope(scope: &TenantScope) -> String {
    let told = scope.peer().map(Told::from).unwrap_or_default();
    let told = Told { account: Some(scope.account_id()), ..told };
    let told = match scope.actor() {
        Actor::User { user, .. } => {
            Told { user: Some(user), session: scope.session_id(), key: scope.key_id(), ..told }
        }
        Actor::System { reason } => Told { reason: Some(reason), ..told },
    };
    told.statement()
}

/// For the opening of identity work, which has its user by itself; in the
/// session of an account, or before there is one.
pub(super) fn of_peer(peer: Option<&Peer>, session: Option<(Id<Account>, Id<Session>)>) -> String {
    let (account, session) = session.unzip();
    Told { account, session, ..peer.map(Told::from).unwrap_or_default() }.statement()
}
