//! Roles, members and invitations of the account.

use nexo_core::model::{
    AccountSettings, AccountSettingsPatch, Change, Id, Invitation, Invitations, Invite, Member,
    MemberPatch, Members, NewInvitation, NewRole, Role, RolePatch, RoleRef, Roles, Transfer,
    Transferred, User,
};
use reqwest::Method;

use crate::Nexo;
use crate::error::Result;

/// The account's people; [`Nexo::people`] gives it.
///
/// Nobody makes a role, invites, changes or removes beyond what they may do
/// themselves: that is [`is_forbidden`](crate::Error::is_forbidden). A change
/// takes effect on the next request of whom it is about; their handle gets a
/// new token by itself and goes on.
///
/// ```no_run
/// # use nexo_client::{Nexo, Result};
/// # use nexo_client::model::{BuiltInRole, NewRole, Permission};
/// # async fn example(nexo: &Nexo) -> Result<()> {
/// let sales = nexo
///     .people()
///     .create_role(&NewRole {
///         name: "Sales".into(),
///         inherits: vec![BuiltInRole::Member.into()],
///         permissions: Permission::ClientDelete.into(),
///         ..NewRole::default()
///     })
///     .await?;
/// let invitation = nexo.people().invite("charles@example.com", sales.id).await?;
/// println!("accept with {}", invitation.token);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct People {
    nexo: Nexo,
}

impl People {
    pub(crate) fn new(nexo: &Nexo) -> Self {
        Self { nexo: nexo.clone() }
    }

    /// All roles: built-in ones, and the account's own.
    ///
    /// # Errors
    /// [`is_forbidden`](crate::Error::is_forbidden) without `member:read`.
    pub async fn roles(&self) -> Result<Roles> {
        self.nexo.request(Method::GET, "/api/roles").send().await
    }

    /// Reads one of the account's own roles.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found), and as [`roles`](Self::roles).
    pub async fn role(&self, id: Id<Role>) -> Result<Role> {
        self.nexo.request(Method::GET, format!("/api/roles/{id}")).send().await
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation) for a name that is taken
    /// or a parent that there is not; [`is_forbidden`](crate::Error::is_forbidden).
    pub async fn create_role(&self, new: &NewRole) -> Result<Role> {
        let request = self.nexo.request(Method::POST, "/api/roles").json(new);
        request.idempotency_key(&Id::<Role>::new().to_string()).send().await
    }

    /// Changes a role, if it still has the version of `role`.
    ///
    /// # Errors
    /// As [`create_role`](Self::create_role);
    /// [`is_version_conflict`](crate::Error::is_version_conflict).
    pub async fn patch_role(&self, role: &Role, patch: &RolePatch) -> Result<Role> {
        let request = self.nexo.request(Method::PATCH, format!("/api/roles/{}", role.id));
        request.if_version(role.version).merge_patch(patch).send().await
    }

    /// Deletes a role that nobody has and nothing inherits from.
    ///
    /// # Errors
    /// [`is_conflict`](crate::Error::is_conflict) while it is in use.
    pub async fn delete_role(&self, id: Id<Role>) -> Result<()> {
        self.nexo.request(Method::DELETE, format!("/api/roles/{id}")).send().await
    }

    /// A page of members, those who joined first at the top; after a cursor,
    /// the page that follows.
    ///
    /// # Errors
    /// [`is_forbidden`](crate::Error::is_forbidden) without `member:read`.
    pub async fn members(&self, cursor: Option<&str>) -> Result<Members> {
        let request = self.nexo.request(Method::GET, "/api/members");
        match cursor {
            Some(cursor) => request.query("cursor", cursor).send().await,
            None => request.send().await,
        }
    }

    /// Reads a member.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found), and as [`members`](Self::members).
    pub async fn member(&self, user: Id<User>) -> Result<Member> {
        self.nexo.request(Method::GET, format!("/api/members/{user}")).send().await
    }

    /// Gives a member another role.
    ///
    /// # Errors
    /// [`is_conflict`](crate::Error::is_conflict) for the last owner;
    /// [`is_forbidden`](crate::Error::is_forbidden) without `member:manage`.
    pub async fn set_role(&self, user: Id<User>, role: impl Into<RoleRef>) -> Result<Member> {
        let patch = MemberPatch::role(role);
        let request = self.nexo.request(Method::PATCH, format!("/api/members/{user}"));
        request.merge_patch(&patch).send().await
    }

    /// Holds a member out for a while, or lets them in again. They keep their
    /// role; their sessions end, and their API keys come to nothing meanwhile.
    ///
    /// # Errors
    /// As [`set_role`](Self::set_role).
    pub async fn set_disabled(&self, user: Id<User>, disabled: bool) -> Result<Member> {
        let request = self.nexo.request(Method::PATCH, format!("/api/members/{user}"));
        request.merge_patch(&MemberPatch::disabled(disabled)).send().await
    }

    /// Gives records of a member to another one: all that there are, 2,000 of each
    /// collection a request.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation) for a next owner who is no
    /// member; [`is_forbidden`](crate::Error::is_forbidden) without `member:manage`
    /// and all reading and writing of the collections. What went before stays.
    pub async fn transfer(&self, from: Id<User>, transfer: &Transfer) -> Result<Transferred> {
        let mut all = Transferred::default();
        loop {
            let request = self.nexo.request(Method::POST, format!("/api/members/{from}/transfer"));
            let step: Transferred = request.json(transfer).send().await?;
            for (collection, count) in step.transferred {
                *all.transferred.entry(collection).or_default() += count;
            }
            if !step.more {
                return Ok(all);
            }
        }
    }

    /// Takes a member out of the account.
    ///
    /// # Errors
    /// As [`set_role`](Self::set_role).
    pub async fn remove(&self, user: Id<User>) -> Result<()> {
        self.nexo.request(Method::DELETE, format!("/api/members/{user}")).send().await
    }

    /// What holds for the whole account.
    ///
    /// # Errors
    /// Every error of a read.
    pub async fn settings(&self) -> Result<AccountSettings> {
        self.nexo.request(Method::GET, "/api/settings").send().await
    }

    /// Asks every member for a second factor, or does no more. Whoever lacks it may
    /// nothing from their next request on, but set it up.
    ///
    /// # Errors
    /// [`is_conflict`](crate::Error::is_conflict) for somebody who has none
    /// themselves; [`is_forbidden`](crate::Error::is_forbidden) without
    /// `account:admin`.
    pub async fn require_second_factor(&self, required: bool) -> Result<AccountSettings> {
        let patch = AccountSettingsPatch {
            second_factor_required: Some(required),
            ..AccountSettingsPatch::default()
        };
        self.nexo.request(Method::PATCH, "/api/settings").merge_patch(&patch).send().await
    }

    /// Lets entries go from the audit log after so many days, 30 or more; without
    /// any they stay for ever.
    ///
    /// # Errors
    /// [`is_validation`](crate::Error::is_validation);
    /// [`is_forbidden`](crate::Error::is_forbidden) without `account:admin`.
    pub async fn keep_audit_log_for(&self, days: Option<i32>) -> Result<AccountSettings> {
        let patch = AccountSettingsPatch {
            audit_retention_days: days.map_or(Change::Clear, Change::Set),
            ..AccountSettingsPatch::default()
        };
        self.nexo.request(Method::PATCH, "/api/settings").merge_patch(&patch).send().await
    }

    /// Invites somebody for seven days. The token in the answer is told this
    /// once; whoever has it can [accept](Nexo::accept_invitation). A server that
    /// sends mail sends it to them, and tells it to nobody else: then it is empty.
    ///
    /// # Errors
    /// [`is_forbidden`](crate::Error::is_forbidden) without `member:manage`.
    pub async fn invite(
        &self,
        email: impl Into<String>,
        role: impl Into<RoleRef>,
    ) -> Result<NewInvitation> {
        let invite = Invite { email: email.into(), role: role.into() };
        self.nexo.request(Method::POST, "/api/invitations").json(&invite).send().await
    }

    /// The invitations that can still be accepted.
    ///
    /// # Errors
    /// As [`invite`](Self::invite).
    pub async fn invitations(&self) -> Result<Invitations> {
        self.nexo.request(Method::GET, "/api/invitations").send().await
    }

    /// Reads an invitation that can still be accepted.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found), and as [`invite`](Self::invite).
    pub async fn invitation(&self, id: Id<Invitation>) -> Result<Invitation> {
        self.nexo.request(Method::GET, format!("/api/invitations/{id}")).send().await
    }

    /// Takes an invitation back.
    ///
    /// # Errors
    /// [`is_not_found`](crate::Error::is_not_found), and as [`invite`](Self::invite).
    pub async fn withdraw(&self, id: Id<Invitation>) -> Result<()> {
        self.nexo.request(Method::DELETE, format!("/api/invitations/{id}")).send().await
    }
}
