//! Roles, members and invitations, and what a handle does when they change.

use nexo_client::Nexo;
use nexo_client::model::{
    AcceptInvitation, BuiltInRole, ClientPatch, ErrorCode, ListParams, NewClient, NewRole,
    Permission, RolePatch, RoleRef, Transfer,
};

use crate::world::{PASSWORD, World};

impl World {
    pub(crate) async fn join(&self, by: &Nexo, name: &str, role: impl Into<RoleRef>) -> Nexo {
        let invited = by.people().invite(format!("{name}@example.com"), role).await.unwrap();
        let nexo = Nexo::new(&self.proxy.url).unwrap();
        let accept = AcceptInvitation {
            token: invited.token,
            password: PASSWORD.to_owned(),
            name: Some(name.to_owned()),
            code: None,
        };
        nexo.accept_invitation(&accept).await.unwrap();
        nexo
    }
}

/// A handle whose user may more by now goes on as if nothing had been; one
/// whose user may less is told so.
#[tokio::test]
async fn a_changed_role_needs_no_new_log_in() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let new = NewRole {
        name: "Sales".to_owned(),
        permissions: Permission::ClientWrite.into(),
        inherits: vec![BuiltInRole::Viewer.into()],
        ..NewRole::default()
    };
    let sales = ada.people().create_role(&new).await.unwrap();
    let bob = world.join(&ada, "bob", sales.id).await;
    let client = bob.clients().create(&NewClient::named("Acme")).await.unwrap();
    let refused = bob.clients().delete(client.id).await.unwrap_err();
    assert!(refused.is_forbidden() && !refused.is_unauthenticated(), "{refused}");

    let more = Permission::ClientWrite | Permission::ClientDelete;
    let patch = RolePatch { permissions: Some(more), ..RolePatch::default() };
    let changed = ada.people().patch_role(&sales, &patch).await.unwrap();
    assert!(ada.people().patch_role(&sales, &patch).await.unwrap_err().is_version_conflict());
    // The token still says what was; the next request gets a new one.
    assert!(!bob.session().unwrap().permissions().contain(Permission::ClientDelete.into()));
    bob.clients().delete(client.id).await.unwrap();
    assert_eq!(world.proxy.count("POST /api/auth/refresh"), 1);
    assert_eq!(bob.session().unwrap().permissions(), changed.effective);

    let user = bob.session().unwrap().user().id;
    let member = ada.people().set_role(user, BuiltInRole::Viewer).await.unwrap();
    assert_eq!(member.role, BuiltInRole::Viewer.into());
    assert!(bob.clients().create(&NewClient::named("Acme")).await.unwrap_err().is_forbidden());
    ada.people().delete_role(sales.id).await.unwrap();
    ada.people().remove(user).await.unwrap();
    assert!(bob.profile().await.unwrap_err().is_session_ended());
    assert!(ada.people().member(user).await.unwrap_err().is_not_found());
}

/// Whoever sees their own sees nothing else, until it is given to them.
#[tokio::test]
async fn what_somebody_owns_is_handed_over() {
    let world = World::start().await;
    let ada = world.register("ada").await;
    let new = NewRole {
        name: "Field sales".to_owned(),
        permissions: Permission::ClientWrite | Permission::ClientReadOwn,
        ..NewRole::default()
    };
    let role = ada.people().create_role(&new).await.unwrap();
    let bob = world.join(&ada, "bob", role.id).await;
    let client = ada.clients().create(&NewClient::named("Acme")).await.unwrap();
    assert!(bob.clients().get(client.id).await.unwrap_err().is_not_found());
    let own = bob.clients().create(&NewClient::named("Brass")).await.unwrap();
    assert_eq!(bob.clients().list(&ListParams::default()).await.unwrap().data, [own]);
    let (from, to) = (ada.session().unwrap().user().id, bob.session().unwrap().user().id);
    let done = ada.people().transfer(from, &Transfer::to(to)).await.unwrap();
    assert_eq!((done.transferred["clients"], done.more), (1, false));
    assert_eq!(bob.clients().get(client.id).await.unwrap().owner_id, Some(to));
    let given = ClientPatch { owner_id: from.into(), ..ClientPatch::default() };
    assert!(bob.clients().patch(client.id, &given).await.unwrap_err().is_forbidden());
}

#[tokio::test]
async fn a_user_goes_from_one_account_to_another() {
    let world = World::start().await;
    let (ada, eve) = (world.register("ada").await, world.register("eve").await);
    let there = ada.session().unwrap().account().id;
    let email = eve.session().unwrap().user().email.clone();
    let invited = ada.people().invite(email, BuiltInRole::Viewer).await.unwrap();
    let waiting = ada.people().invitations().await.unwrap().data;
    assert_eq!(waiting, [ada.people().invitation(invited.invitation.id).await.unwrap()]);
    let accept = AcceptInvitation {
        token: invited.token.clone(),
        password: PASSWORD.to_owned(),
        name: None,
        code: None,
    };
    let profile = eve.accept_invitation(&accept).await.unwrap();
    assert_eq!((profile.account.id, profile.role), (there, BuiltInRole::Viewer.into()));
    let used = eve.accept_invitation(&accept).await.unwrap_err();
    assert_eq!(used.code(), Some(ErrorCode::InvalidInvitation));

    let accounts = eve.accounts().await.unwrap().data;
    assert_eq!(accounts.len(), 2);
    let own = accounts[0].account.id;
    let profile = eve.switch_account(own).await.unwrap();
    assert_eq!((profile.account.id, profile.role), (own, BuiltInRole::Owner.into()));
    eve.clients().create(&NewClient::named("Her own")).await.unwrap();
    assert!(ada.clients().list(&Default::default()).await.unwrap().data.is_empty());

    let members = ada.people().members(None).await.unwrap();
    assert_eq!((members.data.len(), members.next_cursor), (2, None));
    assert_eq!(ada.people().roles().await.unwrap().built_in.len(), 5);
}
