//! Who is in the account, what they may do, and what they did.

use http::Method;
use nexo_core::model::{
    AccountSettings, AccountSettingsPatch, ApiKey, ApiKeys, AuditPage, ErrorCode as E, Invitation,
    Invitations, Invite, IssuedApiKey, Member, MemberPatch, Members, NewApiKey, NewInvitation,
    NewRole, Permission, Role, RolePatch, Roles, Transfer, Transferred,
};

use super::operation::{Tag, operation};
use super::route::{Route, tenant};
use crate::contract::{SHEETS, query};
use crate::examples;
use crate::handlers::{api_keys, audit, people};

/// What was done in the account.
pub(super) fn audit() -> [Route; 2] {
    [
        tenant(Method::GET, "/api/audit", |to, scope, call| Box::pin(audit::list(to, scope, call)))
            .documented(
                operation(Tag::Audit, "listAuditEntries", "List what was done, the newest first")
                    .needs(Permission::AuditRead)
                    .query(query::audit)
                    .answers::<AuditPage>(),
            ),
        tenant(Method::GET, "/api/audit/export", |to, scope, call| {
            Box::pin(audit::export(to, scope, call))
        })
        .documented(
            operation(Tag::Audit, "exportAuditEntries", "Get what was done as a file")
                .needs(Permission::AuditRead)
                .query(query::audit_export)
                .answers_file(SHEETS),
        ),
    ]
}

pub(super) fn people() -> impl Iterator<Item = Route> {
    settings().into_iter().chain(roles()).chain(members()).chain(invitations())
}

fn settings() -> [Route; 2] {
    [
        tenant(Method::GET, "/api/settings", |to, scope, _| Box::pin(people::settings(to, scope)))
            .documented(
                operation(Tag::Settings, "getSettings", "Get what holds for the whole account")
                    .answers::<AccountSettings>(),
            ),
        tenant(Method::PATCH, "/api/settings", |to, scope, call| {
            Box::pin(people::patch_settings(to, scope, call))
        })
        .example(examples::settings)
        .documented(
            operation(Tag::Settings, "updateSettings", "Change what holds for the whole account")
                .needs(Permission::AccountAdmin)
                .takes::<AccountSettingsPatch>()
                .answers::<AccountSettings>(),
        ),
    ]
}

fn roles() -> [Route; 5] {
    [
        tenant(Method::GET, "/api/roles", |to, scope, _| Box::pin(people::roles(to, scope)))
            .documented(
                operation(Tag::Roles, "listRoles", "List the roles that members can have")
                    .needs(Permission::MemberRead)
                    .answers::<Roles>(),
            ),
        tenant(Method::POST, "/api/roles", |to, scope, call| {
            Box::pin(people::create_role(to, scope, call))
        })
        .example(examples::role)
        .documented(
            operation(Tag::Roles, "createRole", "Make a role")
                .about("It permits at most what its maker may.")
                .needs(Permission::RoleManage)
                .takes::<NewRole>()
                .creates::<Role>()
                .located()
                .versioned()
                .once(),
        ),
        tenant(Method::GET, "/api/roles/{id}", |to, scope, call| {
            Box::pin(people::role(to, scope, call))
        })
        .documented(
            operation(Tag::Roles, "getRole", "Get a role")
                .needs(Permission::MemberRead)
                .answers::<Role>()
                .unmodified(),
        ),
        tenant(Method::PATCH, "/api/roles/{id}", |to, scope, call| {
            Box::pin(people::patch_role(to, scope, call))
        })
        .example(examples::role_patch)
        .documented(
            operation(Tag::Roles, "updateRole", "Change a role")
                .about("In effect with the next request of whoever has it.")
                .needs(Permission::RoleManage)
                .takes::<RolePatch>()
                .answers::<Role>()
                .versioned()
                .checks_version(),
        ),
        tenant(Method::DELETE, "/api/roles/{id}", |to, scope, call| {
            Box::pin(people::delete_role(to, scope, call))
        })
        .documented(
            operation(Tag::Roles, "deleteRole", "Delete a role that nobody has")
                .needs(Permission::RoleManage)
                .checks_version()
                .fails(&[E::InUse]),
        ),
    ]
}

fn members() -> [Route; 5] {
    [
        tenant(Method::GET, "/api/members", |to, scope, call| {
            Box::pin(people::members(to, scope, call))
        })
        .documented(
            operation(Tag::Members, "listMembers", "List the members, by when they joined")
                .needs(Permission::MemberRead)
                .query(query::page)
                .answers::<Members>(),
        ),
        tenant(Method::GET, "/api/members/{id}", |to, scope, call| {
            Box::pin(people::member(to, scope, call))
        })
        .documented(
            operation(Tag::Members, "getMember", "Get a member")
                .needs(Permission::MemberRead)
                .answers::<Member>(),
        ),
        tenant(Method::PATCH, "/api/members/{id}", |to, scope, call| {
            Box::pin(people::patch_member(to, scope, call))
        })
        .example(examples::member)
        .documented(
            operation(Tag::Members, "updateMember", "Give a member another role, or hold them out")
                .about("An account keeps at least one owner.")
                .needs(Permission::MemberManage)
                .takes::<MemberPatch>()
                .answers::<Member>(),
        ),
        tenant(Method::DELETE, "/api/members/{id}", |to, scope, call| {
            Box::pin(people::remove_member(to, scope, call))
        })
        .documented(
            operation(Tag::Members, "removeMember", "Take a member out of the account")
                .about("An account keeps at least one owner.")
                .needs(Permission::MemberManage),
        ),
        tenant(Method::POST, "/api/members/{id}/transfer", |to, scope, call| {
            Box::pin(people::transfer(to, scope, call))
        })
        .example(examples::transfer)
        .documented(
            operation(Tag::Members, "transferRecords", "Give what a member owns another owner")
                .about("Needs the permissions to read and write the collections too.")
                .needs(Permission::MemberManage)
                .takes::<Transfer>()
                .answers::<Transferred>(),
        ),
    ]
}

fn invitations() -> [Route; 4] {
    let of = |id, summary| operation(Tag::Invitations, id, summary).needs(Permission::MemberManage);
    [
        tenant(Method::GET, "/api/invitations", |to, scope, _| {
            Box::pin(people::invitations(to, scope))
        })
        .documented(
            of("listInvitations", "List the invitations that can still be accepted")
                .answers::<Invitations>(),
        ),
        tenant(Method::POST, "/api/invitations", |to, scope, call| {
            Box::pin(people::invite(to, scope, call))
        })
        .example(examples::invitation)
        .documented(
            of("invite", "Invite somebody")
                .about("A server that sends mail sends the token; another one tells it, once.")
                .sessions_only()
                .takes::<Invite>()
                .creates::<NewInvitation>()
                .located(),
        ),
        tenant(Method::GET, "/api/invitations/{id}", |to, scope, call| {
            Box::pin(people::invitation(to, scope, call))
        })
        .documented(of("getInvitation", "Get an invitation").answers::<Invitation>()),
        tenant(Method::DELETE, "/api/invitations/{id}", |to, scope, call| {
            Box::pin(people::withdraw(to, scope, call))
        })
        .documented(of("withdrawInvitation", "Withdraw an invitation")),
    ]
}

/// How programs act in the account.
pub(super) fn api_keys() -> [Route; 4] {
    let of = |id, summary| {
        operation(Tag::ApiKeys, id, summary).needs(Permission::KeyManage).sessions_only()
    };
    [
        tenant(Method::GET, "/api/keys", |to, scope, _| Box::pin(api_keys::list(to, scope)))
            .documented(of("listApiKeys", "List the API keys of all members").answers::<ApiKeys>()),
        tenant(Method::POST, "/api/keys", |to, scope, call| {
            Box::pin(api_keys::create(to, scope, call))
        })
        .example(examples::api_key)
        .documented(
            of("createApiKey", "Make an API key")
                .about("The secret is told this once.")
                .takes::<NewApiKey>()
                .creates::<IssuedApiKey>()
                .located(),
        ),
        tenant(Method::GET, "/api/keys/{id}", |to, scope, call| {
            Box::pin(api_keys::get(to, scope, call))
        })
        .documented(of("getApiKey", "Get an API key, without its secret").answers::<ApiKey>()),
        tenant(Method::DELETE, "/api/keys/{id}", |to, scope, call| {
            Box::pin(api_keys::revoke(to, scope, call))
        })
        .documented(of("revokeApiKey", "Revoke an API key")),
    ]
}
