//! Telling the audit log of answers of providers that were refused.

use tokio_postgres::types::ToSql;

use super::authenticator::Authenticator;
use super::oidc_reply::{RefusedReply, SignInReply};
use super::sign_in::Ticket;
use crate::db::Plan::Once;
use crate::db::{Call, Mode, Sight};
use crate::error::Result;
use crate::model::{Id, User};
use crate::tenant::Peer;

/// Of an answer that was refused, whom it names: for the audit log alone.
const NAME: &str = "update nexo.oidc_sign_ins set issuer = $3, subject = $4
     where id = $1 and token_hash = $2 and used_at is not null and verified_at is null";
/// Who added it, or wanted to.
const WHOSE: &str = "select coalesce(s.user_id, i.user_id), s.provider
     from nexo.oidc_sign_ins s
     left join nexo.external_identities i on i.issuer = s.issuer and i.subject = s.subject
     where s.id = $1 and s.token_hash = $2";
/// `$1` user, `$2` provider, `$3` what was wrong, `$4` request, `$5` address, `$6` agent.
const TELL_REFUSED: &str = "insert into nexo.audit_log
        (account_id, action, subject, record_id, user_id, request_id, ip, user_agent, after)
     select m.account_id, 'fail_login', 'users', m.user_id, m.user_id, $4, $5, $6,
        jsonb_build_object('for', 'identity', 'provider', $2::text, 'refused', $3::text)
     from nexo.memberships m where m.user_id = $1";

impl Authenticator {
    /// Tells the audit log that a provider's answer was refused, where it can be
    /// known whose accounts it concerns: of whoever wanted to add an identity, or
    /// has the one that the provider has signed for.
    ///
    /// # Errors
    /// `unavailable`.
    pub async fn refuse_sign_in(
        &self,
        reply: SignInReply<'_>,
        refusal: &RefusedReply,
        peer: &Peer,
    ) -> Result<()> {
        let ticket = Ticket::read(reply)?;
        let shown = ticket.shown();
        let names = refusal.names.as_ref();
        let named: Option<[&(dyn ToSql + Sync); 4]> =
            names.map(|(issuer, subject)| -> [&(dyn ToSql + Sync); 4] {
                [shown[0], shown[1], issuer, subject]
            });
        let mut calls = Vec::new();
        calls.extend(named.as_ref().map(|params| Call { sql: NAME, params, plan: Once }));
        calls.push(Call { sql: WHOSE, params: &shown, plan: Once });
        let rows = self.identity().run(Mode::Write, ticket.sight(peer), &calls).await?;
        let Some(row) = rows.last().and_then(|rows| rows.first()) else { return Ok(()) };
        let (user, provider): (Option<Id<User>>, &str) = (row.get(0), row.get(1));
        match user {
            Some(user) => self.tell_refused(user, provider, refusal.reason, peer).await,
            None => Ok(()),
        }
    }

    pub(super) async fn tell_refused(
        &self,
        user: Id<User>,
        provider: &str,
        reason: &str,
        peer: &Peer,
    ) -> Result<()> {
        let (request, ip, agent) = (peer.request_text(), peer.ip_text(), peer.agent_text());
        let params: [&(dyn ToSql + Sync); 6] = [&user, &provider, &reason, &request, &ip, &agent];
        let tell = [Call { sql: TELL_REFUSED, params: &params, plan: Once }];
        self.identity().run(Mode::Write, Sight::of(user, peer), &tell).await.map(drop)
    }
}
